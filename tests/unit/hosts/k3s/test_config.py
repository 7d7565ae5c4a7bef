"""The config file of every kind of node."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.hosts.k3s.config import config

LAB = Path(__file__).parents[4] / "inventory" / "lab" / "fleet.yaml"
JOIN = "https://10.0.0.12:6443"
CLUSTER_WIDE = {"cluster-cidr", "service-cidr", "cluster-dns", "flannel-backend", "disable", "secrets-encryption"}


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    """Return the lab's fleet."""
    return load_fleet(LAB)


def values(fleet: Fleet, index: int, join: str | None = JOIN) -> dict[str, Any]:
    """Return the config of the node at *index*, as K3s reads it."""
    addresses: dict[str, Any] = {"public_address": IPv4Address("198.18.1.2"), "vrack_interface": "ens4"}
    text = config(fleet, fleet.nodes[index], **addresses, join=join)
    loaded: dict[str, Any] = YAML(typ="safe", pure=True).load(text)
    return loaded


def test_who_joins_nobody_begins_a_cluster(fleet: Fleet) -> None:
    """A server without a place to join has cluster-init; one that has a place never does, whatever its number."""
    assert (True, None) == (values(fleet, 0, None).get("cluster-init"), values(fleet, 0, None).get("server"))
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
    assert not {"token", "agent-token"} & set(values(fleet, 0))
