"""What a machine finds at its first boot."""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from pathlib import Path

from koprogo_fleet.lab.machines import Machine, Port
from koprogo_fleet.lab.seed import network_config, trust, write_seed

PUBLIC = Port("public", "fa:16:3e:00:00:01", IPv4Address("198.18.1.10"), 24, IPv4Address("198.18.1.1"))
PRIVATE = Port("pn-1_0", "fa:16:3e:00:00:02", IPv4Address("10.0.0.10"), 24, None)
MACHINE = Machine("0e3a0b2e", "node-1", "#cloud-config\nruncmd: []\n", ("ssh-ed25519 AAAA me",), (PRIVATE, PUBLIC))
RESOLVER = (IPv4Address("192.0.2.53"),)


def test_only_the_public_nic_is_configured() -> None:
    """The public NIC, whichever comes first, has its address, gateway and name server; the private one is not named."""
    ethernets = json.loads(network_config(MACHINE, RESOLVER))["ethernets"]

    assert ethernets == {
        "ens4": {
            "match": {"macaddress": "fa:16:3e:00:00:01"},
            "addresses": ["198.18.1.10/24"],
            "routes": [{"to": "0.0.0.0/0", "via": "198.18.1.1"}],
            "nameservers": {"addresses": ["192.0.2.53"]},
        }
    }


def test_the_seed_is_private_and_whole(tmp_path: Path) -> None:
    """User-data reaches the node untouched and readable by root alone, and the authorised keys with it."""
    write_seed(tmp_path, MACHINE, RESOLVER)
    seed = tmp_path / "var/lib/cloud/seed/nocloud"

    assert (seed / "user-data").read_text() == MACHINE.user_data
    assert (seed / "user-data").stat().st_mode & 0o777 == 0o600
    assert json.loads((seed / "meta-data").read_text()) == {
        "instance-id": "0e3a0b2e",
        "local-hostname": "node-1",
        "public-keys": ["ssh-ed25519 AAAA me"],
    }
    assert (tmp_path / "etc/resolv.conf").read_text() == "nameserver 192.0.2.53\noptions timeout:3\n"


def test_the_labs_authority_is_trusted_beside_the_worlds(tmp_path: Path) -> None:
    """The bundle keeps what was in it, and has the lab's authority once, however often the machine boots."""
    bundle, certificate = tmp_path / "etc/ssl/certs/ca-certificates.crt", tmp_path / "ca.pem"
    bundle.parent.mkdir(parents=True)
    bundle.write_text("world\n")
    certificate.write_text("lab\n")
    trust(tmp_path, certificate)
    trust(tmp_path, certificate)

    assert bundle.read_text() == "world\nlab\n"
    assert (tmp_path / "usr/local/share/ca-certificates/koprogo-lab.crt").read_text() == "lab\n"
