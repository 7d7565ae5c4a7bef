"""Which files of K3s a node has, in which order, and what restarts it."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest
import yaml

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.k3s import hardening, paths
from koprogo_fleet.hosts.k3s.node import Addresses, Tokens, k3s
from koprogo_fleet.hosts.k3s.service import RESTART
from koprogo_fleet.hosts.k3s.setup import S3, Setup
from koprogo_fleet.hosts.k3s.virtual_address import IMAGE, Unavailable
from koprogo_fleet.hosts.resource import Fact, NotApplicable, Resource
from koprogo_fleet.hosts.resources import Absent, File

LAB = Path(__file__).parents[4] / "inventory" / "lab" / "fleet.yaml"
BUCKET = S3("s3.gra.example", "b", "gra", Secret("access"), Secret("hidden"))
SERVER, AGENT = 0, 3


def fleet(**section: object) -> Fleet:
    """Return the lab's fleet with other values in its section k3s."""
    loaded = load_fleet(LAB)
    return Fleet.model_validate(loaded.model_dump() | {"k3s": loaded.k3s.model_dump() | section})


def resources(of: Fleet, index: int, setup: Setup) -> dict[str, Resource]:
    """Return a node's resources by name, in their order."""
    tokens, addresses = Tokens(Secret("s"), Secret("a")), Addresses(IPv4Address("198.18.1.2"), "ens4")
    found = k3s(of, of.nodes[index], setup, tokens=tokens, addresses=addresses, artifacts="sum", join=None)
    return {resource.name: resource for resource in found}


def file(found: dict[str, Resource], path: str) -> File:
    """Return the file at *path*."""
    resource = found[f"file {path}"]
    assert isinstance(resource, File)
    return resource


def test_the_api_servers_files_come_before_the_service() -> None:
    """The API server does not start without them; each is root's alone, and a change restarts K3s."""
    found = resources(fleet(), SERVER, Setup("vxlan", s3=BUCKET))
    names = list(found)
    for path in (paths.ADMISSION, paths.AUDIT_POLICY, paths.S3_KEYS, paths.CONFIG):
        resource = file(found, path)

        assert names.index(resource.name) < names.index("service k3s")
        assert ("0600", (RESTART,)) == (resource.mode, resource.notify)
    assert f"directory {paths.SERVER_LOGS}" in found


def test_keys_of_s3_are_in_a_secret_file_alone() -> None:
    """No other file, and no text that can be shown, has them."""
    found = resources(fleet(), SERVER, Setup("vxlan", s3=BUCKET))
    content = file(found, paths.S3_KEYS).content

    assert isinstance(content, Secret)
    assert {"etcd-s3-access-key": "access", "etcd-s3-secret-key": "hidden"} == yaml.safe_load(content.reveal())
    assert "hidden" not in repr(list(found.values()))


def test_an_agent_has_no_server_files() -> None:
    """Neither audit, admission, S3 keys nor the static pod are on a worker."""
    found = resources(fleet(endpoint="10.0.0.10"), AGENT, Setup("vxlan", s3=BUCKET))

    assert not [name for name in found if paths.SERVER in name or paths.S3_KEYS in name or "kube-vip" in name]


def test_registries_that_are_wanted_no_more_go() -> None:
    """The file may hold credentials: without the section it is removed, and K3s restarted."""
    found = resources(fleet(), AGENT, Setup("vxlan"))[f"path {paths.REGISTRIES}"]

    assert Absent(paths.REGISTRIES, notify=(RESTART,)) == found


def test_the_virtual_address_is_a_static_pod() -> None:
    """It holds the address on the vRack's interface, and K3s is not restarted for it."""
    resource = file(resources(fleet(endpoint="10.0.0.10"), SERVER, Setup("vxlan")), paths.VIRTUAL_ADDRESS)
    assert isinstance(resource.content, str)
    (container,) = yaml.safe_load(resource.content)["spec"]["containers"]
    settings = {item["name"]: item.get("value") for item in container["env"]}

    assert (IMAGE, ()) == (container["image"], resource.notify)
    assert ("10.0.0.10", "ens4", "6443") == tuple(settings[key] for key in ("address", "vip_interface", "port"))


def test_what_cannot_be_had_is_never_told_as_done() -> None:
    """A virtual address without its image, and a kernel of somebody else's, are not applicable, with the reason."""
    foreign = {"koprogo-cp-1": "kernel.panic is 0, not 10"}
    setup = Setup("vxlan", "no wireguard", no_virtual_address="no image", foreign_kernel=foreign)
    found = resources(fleet(endpoint="10.0.0.10"), SERVER, setup)
    told = {name: one.decide(Fact(0, b"")) for name, one in found.items() if isinstance(one, Unavailable)}

    assert {
        "virtual address 10.0.0.10": NotApplicable("no image"),
        "encryption between nodes": NotApplicable("no wireguard"),
        "K3s' protect-kernel-defaults": NotApplicable("kernel.panic is 0, not 10"),
    } == told
    assert f"path {paths.VIRTUAL_ADDRESS}" in found


@pytest.mark.parametrize("level", ["privileged", "baseline", "restricted"])
def test_pod_security_has_its_exemptions(level: str) -> None:
    """The level is the cluster's default; kube-system and fleet.yaml's namespaces are exempt."""
    document = yaml.safe_load(
        hardening.admission(fleet(pod_security=level, pod_security_exempt=["longhorn-system"]).k3s)
    )
    security = document["plugins"][0]["configuration"]

    assert [level] * 3 == [security["defaults"][mode] for mode in ("enforce", "audit", "warn")]
    assert ["kube-system", "longhorn-system"] == security["exemptions"]["namespaces"]


def test_the_audit_log_holds_no_bodies() -> None:
    """A Secret's body would be in the log: no rule asks for more than metadata."""
    rules = yaml.safe_load(hardening.AUDIT_POLICY)["rules"]

    assert {"None", "Metadata"} == {rule["level"] for rule in rules}
    assert {"level": "Metadata"} == rules[-1]
