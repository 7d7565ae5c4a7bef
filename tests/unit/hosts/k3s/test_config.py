"""The config file of every kind of node."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.k3s.config import config
from koprogo_fleet.hosts.k3s.setup import S3, Setup

LAB = Path(__file__).parents[4] / "inventory" / "lab" / "fleet.yaml"
JOIN = "https://10.0.0.12:6443"
CLUSTER_WIDE = {"cluster-cidr", "service-cidr", "cluster-dns", "flannel-backend", "disable", "secrets-encryption"}


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """Return the lab's fleet."""
    return load_fleet(LAB)


SETUP = Setup("vxlan")
BUCKET = S3("s3.gra.example", "koprogo-backups", "gra", Secret("the access key"), Secret("the secret key"))


def values(fleet: Fleet, index: int, setup: Setup = SETUP, join: str | None = JOIN) -> dict[str, Any]:
    """Return the config of the node at *index*, as K3s reads it."""
    addresses: dict[str, Any] = {"public_address": IPv4Address("198.18.1.2"), "vrack_interface": "ens4"}
    text = config(fleet, fleet.nodes[index], setup, **addresses, join=join)
    loaded: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return loaded


def test_who_joins_nobody_begins_a_cluster(fleet: Fleet) -> None:
    """A server without a place to join has cluster-init; one that has a place never does, whatever its number."""
    assert (True, None) == (values(fleet, 0, join=None).get("cluster-init"), values(fleet, 0, join=None).get("server"))
    assert [(None, JOIN)] * 6 == [(values(fleet, i).get("cluster-init"), values(fleet, i)["server"]) for i in range(6)]


def test_cluster_wide_keys_are_equal_on_all_servers(fleet: Fleet) -> None:
    """K3s stops a joining server with another value ("critical configuration value mismatch")."""
    first, second, third = ({key: values(fleet, i)[key] for key in CLUSTER_WIDE} for i in range(3))

    assert first == second == third


def test_agents_have_no_server_keys(fleet: Fleet) -> None:
    """An agent refuses keys that only servers know."""
    agent = values(fleet, 3)

    assert not CLUSTER_WIDE & set(agent)
    assert "agent-token-file" not in agent


def test_control_planes_take_no_workloads(fleet: Fleet) -> None:
    """Every server registers with the NoSchedule taint, no agent does."""
    taints = [values(fleet, i).get("node-taint") for i in range(6)]

    assert [["node-role.kubernetes.io/control-plane=true:NoSchedule"]] * 3 + [None] * 3 == taints


def test_no_secret_is_in_the_file(fleet: Fleet) -> None:
    """Tokens are named by file, so that the file can be shown in a plan."""
    found = values(fleet, 0, Setup("vxlan", s3=BUCKET))

    assert not {"token", "agent-token", "etcd-s3-access-key", "etcd-s3-secret-key"} & set(found)


def changed(fleet: Fleet, **k3s: Any) -> Fleet:
    """Return the fleet with other values in its section k3s."""
    return Fleet.model_validate(fleet.model_dump(by_alias=True) | {"k3s": fleet.k3s.model_dump() | k3s})


@pytest.mark.parametrize(
    ("endpoint", "lacking", "joined"),
    [
        ("first_server", "", None),
        ("k3s.example.org", "", "k3s.example.org"),
        ("10.0.0.10", "", "10.0.0.10"),
        ("10.0.0.10", "no image", None),
    ],
)
def test_nodes_join_the_endpoint_where_there_is_one(
    fleet: Fleet, endpoint: str, lacking: str, joined: str | None
) -> None:
    """A name or virtual address is joined and certified; an address that nobody can hold is only certified."""
    other = changed(fleet, endpoint=endpoint)
    setup = Setup("vxlan", no_virtual_address=lacking)

    assert joined == setup.endpoint(other)
    assert (endpoint == "first_server") == (endpoint not in values(other, 2, setup)["tls-san"])


def test_what_the_kernel_does_not_allow_is_left_out_on_that_node_alone(fleet: Fleet) -> None:
    """The kubelet ends where it finds another kernel than it insists on."""
    setup = Setup("vxlan", foreign_kernel={"koprogo-cp-2": "kernel.panic is 0, not 10"})

    assert [True, None, True, True] == [values(fleet, i, setup).get("protect-kernel-defaults") for i in range(4)]


def test_audit_can_be_switched_off(fleet: Fleet) -> None:
    """Without audit there is no argument of it; admission is configured nevertheless."""
    arguments = [values(changed(fleet, audit=audit), 0)["kube-apiserver-arg"] for audit in (True, False)]

    assert [5, 0] == [sum(item.startswith("audit-") for item in each) for each in arguments]
    assert all("admission-control-config-file=/var/lib/rancher/k3s/server/psa.yaml" in each for each in arguments)


@pytest.mark.parametrize(
    ("version", "every", "days", "kept"),
    [
        ("v1.33.4+k3s1", 6, 30, ("8", "360")),
        ("v1.34.0+k3s1", 6, 90, ("8", "1080")),
        ("v1.33.3+k3s1", 6, 30, ("360", None)),
        ("v1.31.12+k3s1", 24, 30, ("5", "90")),
        ("v1.30.9+k3s1", 1, 1, ("72", None)),
    ],
)
def test_the_bucket_keeps_days_of_every_server(
    fleet: Fleet, version: str, every: int, days: int, kept: tuple[str, str | None]
) -> None:
    """S3's count is of all servers together; a release without one of its own has the local one, so that none is lost."""
    other = changed(fleet, version=version, snapshots={"every_hours": every, "keep_days": days})
    found = values(other, 0, Setup("vxlan", s3=BUCKET))

    assert kept == (found["etcd-snapshot-retention"], found.get("etcd-s3-retention"))
    assert ("0 0 * * *" if every == 24 else f"0 */{every} * * *") == found["etcd-snapshot-schedule-cron"]
    assert ("s3.gra.example", "koprogo-backups") == (found["etcd-s3-endpoint"], found["etcd-s3-bucket"])


def test_without_a_bucket_snapshots_stay_on_the_servers(fleet: Fleet) -> None:
    """Every server saves, and says nothing of S3; no agent does."""
    assert not [key for key in values(fleet, 0) if key.startswith("etcd-s3")]
    assert "etcd-snapshot-schedule-cron" not in values(fleet, 3)
