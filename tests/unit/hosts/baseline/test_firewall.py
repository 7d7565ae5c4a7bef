"""Who may come to which port of a node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.hosts.baseline.firewall import firewall
from koprogo_fleet.hosts.baseline.node_ports import node_ports, visitors
from koprogo_fleet.hosts.resources import UfwRule

WORDS: Mapping[str, Any] = {
    "name": "f",
    "pools": [
        {"name": "cp", "role": "server", "count": 3, "flavor": "b2-7", "first_address": "10.0.0.11"},
        {"name": "worker", "role": "agent", "count": 2, "flavor": "b2-7", "first_address": "10.0.0.21"},
    ],
    "dedicated_servers": [
        {"name": "metal", "service": "ns1.ip-1.eu", "role": "agent", "vrack_address": "10.0.0.31"},
    ],
    "k3s": {"version": "v1.33.4+k3s1"},
}
WIREGUARD = {"k3s": {"version": "v1.33.4+k3s1", "flannel_backend": "wireguard-native"}}
VXLAN = {"k3s": {"version": "v1.33.4+k3s1", "flannel_backend": "vxlan"}}
HOST_GW = {"k3s": {"version": "v1.33.4+k3s1", "flannel_backend": "host-gw"}}
OCTAVIA = {"network": {"gateway": "s"}, "load_balancer": {"kind": "octavia"}}
CLASSIC = {"load_balancer": {"kind": "ip", "service": "loadbalancer-1"}}


def rules_of(index: int, **words: Any) -> tuple[UfwRule, ...]:
    """Return the rules of a node of the fleet."""
    fleet = Fleet.model_validate({**WORDS, **words})
    return firewall(fleet, fleet.nodes[index]).rules


def sources(rules: tuple[UfwRule, ...], port: str) -> set[str]:
    """Return from where a port is open."""
    return {rule.source for rule in rules if rule.port == port}


def test_a_control_plane_is_open_to_its_peers_alone() -> None:
    """The API is open to each other machine, etcd to the other control planes; itself is no peer."""
    rules = rules_of(0)

    others = {"10.0.0.12", "10.0.0.13", "10.0.0.21", "10.0.0.22", "10.0.0.31"}
    assert others == sources(rules, "6443") == sources(rules, "10250")
    assert {"10.0.0.12", "10.0.0.13"} == sources(rules, "2379:2380")


def test_an_agent_serves_neither_the_api_nor_etcd() -> None:
    """A worker's kubelet is open to its peers, and no port of a control plane is."""
    rules = rules_of(3)

    assert set() == sources(rules, "6443") | sources(rules, "2379:2380")
    assert {"10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.22", "10.0.0.31"} == sources(rules, "10250")


@pytest.mark.parametrize("index", [0, 3])
def test_only_ssh_is_open_to_all(index: int) -> None:
    """No other port is open to everybody, and the ports that Kubernetes has given up are open to nobody."""
    rules = rules_of(index)

    assert ["22"] == [rule.port for rule in rules if rule.source == "any"]
    assert not {"10251", "10252", "80", "443", "30000:32767"} & {rule.port for rule in rules}


@pytest.mark.parametrize(
    ("words", "open_port"),
    [({}, {"8472", "51820"}), (WIREGUARD, {"51820"}), (VXLAN, {"8472"}), (HOST_GW, set())],
    ids=["auto", "wireguard", "vxlan", "host-gw"],
)
def test_the_overlay_has_its_own_port(words: Mapping[str, Any], open_port: set[str]) -> None:
    """Of the overlay's ports that of the backend is open, to peers, and no other."""
    rules = [rule for rule in rules_of(0, **words) if rule.proto == "udp"]

    assert open_port == {rule.port for rule in rules}
    assert "any" not in {rule.source for rule in rules}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({}, []),
        (OCTAVIA, ["10.0.0.224/27"]),
        (CLASSIC, ["10.0.0.192/27"]),
        ({**OCTAVIA, "ingress": {"open_to": ["192.0.2.0/24"]}}, ["10.0.0.224/27", "192.0.2.0/24"]),
    ],
    ids=["nobody", "octavia", "classic", "by name"],
)
def test_who_comes_to_the_node_ports(words: Mapping[str, Any], expected: list[str]) -> None:
    """The load balancer's addresses, those that fleet.yaml names, and the control planes, which verify the releases."""
    fleet = Fleet.model_validate({**WORDS, **words})
    servers = ["10.0.0.11/32", "10.0.0.12/32", "10.0.0.13/32"]

    assert [*expected, *servers] == [str(network) for network in visitors(fleet)]
    assert "tcp dport { 30080, 30443 } ip saddr { " in node_ports(fleet).chains
    assert all(f"{network.removesuffix('/32')}" in node_ports(fleet).chains for network in expected)
    assert {network.removesuffix("/32") for network in (*expected, *servers)} == sources(rules_of(3, **words), "30080")
