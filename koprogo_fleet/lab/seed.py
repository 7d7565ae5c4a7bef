"""What a new machine finds on its disk before its first boot: cloud-init's NoCloud seed, and the lab's own few files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from ipaddress import IPv4Address
from pathlib import Path

from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.lab.machines import PUBLIC_NETWORK, Machine
from koprogo_fleet.lab.network import FIRST_NIC

SEED = "var/lib/cloud/seed/nocloud"
TRUSTED = "usr/local/share/ca-certificates/koprogo-lab.crt"
BUNDLE = "etc/ssl/certs/ca-certificates.crt"


def write_seed(root: Path, machine: Machine, resolvers: Sequence[IPv4Address]) -> None:
    """
    Write the seed of *machine* into its root file system.

    The same seed again changes nothing: cloud-init does the work of a first boot once for each instance id.
    """
    files = {
        f"{SEED}/meta-data": meta_data(machine),
        f"{SEED}/user-data": machine.user_data or "#cloud-config\n{}\n",
        f"{SEED}/network-config": network_config(machine, resolvers),
        "etc/resolv.conf": "".join(f"nameserver {address}\n" for address in resolvers) + "options timeout:3\n",
        # where the stand-in of K3s puts its pods; the machine has control groups of its own, so no name can clash
        "etc/koprogo-lab.env": f"KOPROGO_LAB_CGROUP=/koprogo-{machine.name}\n",
    }
    for name, content in files.items():
        secret = name.startswith(SEED)
        write_atomically(root / name, content, mode=0o600 if secret else 0o644)


def trust(root: Path, certificate: Path) -> None:
    """Let a machine trust the lab's authority as ``update-ca-certificates`` would, which cannot be waited for."""
    authority, bundle = certificate.read_text(), root / BUNDLE
    known = bundle.read_text()
    if authority not in known:
        write_atomically(root / TRUSTED, authority)
        write_atomically(bundle, known + authority)


def meta_data(machine: Machine) -> str:
    """Return what the cloud says about the machine: its id, name and authorised keys (JSON, which is YAML too)."""
    return json.dumps(
        {
            "instance-id": machine.id,
            "local-hostname": machine.name,
            "public-keys": list(machine.authorized_keys),
        }
    )


def network_config(machine: Machine, resolvers: Sequence[IPv4Address]) -> str:
    """Return the configuration of the public NIC; a private one is left alone, as OVH leaves it to its owner."""
    ethernets: dict[str, object] = {}
    for index, port in enumerate(machine.ports):
        if port.network_id == PUBLIC_NETWORK:
            ethernets[f"ens{FIRST_NIC + index}"] = {
                "match": {"macaddress": port.mac},
                "addresses": [f"{port.address}/{port.prefix_length}"],
                "routes": [{"to": "0.0.0.0/0", "via": str(port.gateway)}] if port.gateway else [],
                "nameservers": {"addresses": [str(address) for address in resolvers]},
            }
    return json.dumps({"version": 2, "ethernets": ethernets})
