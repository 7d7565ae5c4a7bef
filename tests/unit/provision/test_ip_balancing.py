"""The classic IP Load Balancer, as tables: what exists on the left, the single changes on the right."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from observed_fleet import FLEET

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.ip_load_balancer_farms import Farm, NewFarm, NewServer, Probe, Server
from koprogo_fleet.ovh.ip_load_balancer_frontends import Frontend, NewFrontend
from koprogo_fleet.ovh.ip_load_balancers import BalancerNetwork
from koprogo_fleet.provision.ip_balancing import FarmParts, IpBalancing, in_the_way, wanted_balancing
from koprogo_fleet.provision.ip_balancing_changes import changes

BALANCED = Fleet.model_validate(
    {**FLEET.model_dump(mode="json"), "load_balancer": {"kind": "ip", "service": "loadbalancer-abc"}}
)
WANTED = wanted_balancing(BALANCED)
NETWORK = BalancerNetwork(
    1, "koprogo-lb", IPv4Network("10.0.0.0/24"), IPv4Network("10.0.0.192/27"), vlan=42, farm_ids=(2, 3)
)
AGENT = NewServer("koprogo-worker-1", IPv4Address("10.0.0.21"))
STRANGER = NewServer("stranger", IPv4Address("10.0.0.9"))


def farm(number: int, name: str, port: int, *servers: NewServer, **changed: Any) -> FarmParts:
    """Return a farm with its servers."""
    wanted = replace(NewFarm(name, "all", port, probe=Probe(), network_id=1), **changed)
    return FarmParts(
        Farm(number, "tcp", wanted),
        tuple(Server(number * 10 + index, number, server, ()) for index, server in enumerate(servers)),
    )


def frontend(number: int, name: str, port: str, farm_id: int, **changed: Any) -> Frontend:
    """Return a frontend."""
    return Frontend(number, "tcp", replace(NewFrontend(name, "all", port, farm_id), **changed))


HTTP, HTTPS = farm(2, "koprogo-lb-http", 30080, AGENT), farm(3, "koprogo-lb-https", 30443, AGENT)
FIRST, SECOND = frontend(4, "koprogo-lb-http", "80", 2), frontend(5, "koprogo-lb-https", "443", 3)
NOW = IpBalancing("koprogo-lb", (NETWORK,), (HTTP, HTTPS), (FIRST, SECOND))
NOTHING = IpBalancing("koprogo-lb", (), (), ())
OTHER_VLAN = replace(NETWORK, vlan=7)


def with_http(*servers: NewServer, **changed: Any) -> IpBalancing:
    """Return what exists with another first farm."""
    return replace(NOW, farms=(farm(2, "koprogo-lb-http", 30080, *servers, **changed), HTTPS))


CASES: list[tuple[IpBalancing, list[str]]] = [
    (NOW, []),
    (NOTHING, ["network 10.0.0.0/24, VLAN 42, from 10.0.0.192/27"]),
    (replace(NOTHING, networks=(NETWORK,)), ["new farm koprogo-lb-http", "new farm koprogo-lb-https"]),
    (replace(NOW, networks=(OTHER_VLAN,)), ["no farm in network 10.0.0.0/24 (1)"]),
    (replace(NOW, networks=(replace(OTHER_VLAN, farm_ids=()),)), ["no network 10.0.0.0/24 (1)"]),
    (replace(NOW, networks=(replace(OTHER_VLAN, name="other"), NETWORK)), []),
    (with_http(), ["koprogo-lb-http: new koprogo-worker-1"]),
    (with_http(AGENT, STRANGER), ["koprogo-lb-http: no stranger (21)"]),
    (with_http(AGENT, AGENT), ["koprogo-lb-http: no koprogo-worker-1 (21)"]),
    (with_http(replace(AGENT, proxy_protocol="v1")), ["koprogo-lb-http: koprogo-worker-1"]),
    (with_http(AGENT, probe=None), ["farm koprogo-lb-http to 30080"]),
    (replace(NOW, farms=(*NOW.farms, farm(6, "koprogo-lb-old", 1))), ["no farm koprogo-lb-old (6)"]),
    (
        replace(
            NOW, farms=(*NOW.farms, farm(6, "koprogo-lb-old", 1)), frontends=(FIRST, SECOND, frontend(7, "x", "9", 6))
        ),
        [],
    ),
    (replace(NOW, farms=(*NOW.farms, farm(6, "mail", 25))), []),
    (replace(NOW, frontends=(FIRST,)), ["new frontend 443"]),
    (replace(NOW, frontends=(FIRST, SECOND, frontend(7, "koprogo-lb-x", "9", 2))), ["no frontend 9 (7)"]),
    (replace(NOW, frontends=(frontend(4, "koprogo-lb-http", "81", 2), SECOND)), ["frontend 80"]),
    (replace(NOW, frontends=(replace(FIRST, id=5), replace(SECOND, id=4))), []),
    (
        replace(NOW, frontends=(frontend(4, "koprogo-lb-https", "80", 3), frontend(5, "koprogo-lb-http", "443", 2))),
        ["frontend 80", "frontend 443"],
    ),
    (
        replace(
            NOW, frontends=(frontend(4, "koprogo-lb-http", "80", 2, allowed=(IPv4Network("192.0.2.0/24"),)), SECOND)
        ),
        [],
    ),
]


@pytest.mark.parametrize(("now", "expected"), CASES)
def test_changes(now: IpBalancing, expected: list[str]) -> None:
    """Each difference is one change, others' parts none, and what depends on an answer waits for it."""
    assert WANTED is not None

    assert expected == [change.what for change in changes(WANTED, now)]


@pytest.mark.parametrize(
    ("ports", "taken"), [("80", [80]), ("81", []), ("8,400-500", [443]), ("1-65535", [80, 443]), ("800", [])]
)
def test_ports_in_the_way(ports: str, taken: list[int]) -> None:
    """A frontend of others' has its ports, ranges and lists of them; the fleet's own are in nobody's way."""
    assert WANTED is not None
    other = frontend(9, "shop", ports, 1)

    assert taken == [port for port, _ in in_the_way(WANTED, replace(NOW, frontends=(*NOW.frontends, other)))]


def test_only_its_own_kind() -> None:
    """A fleet without a balancer, or with Octavia's, wants nothing of a classic one."""
    octavia = {**FLEET.model_dump(mode="json"), "network": {"gateway": "s"}, "load_balancer": {"kind": "octavia"}}

    assert (None, None) == (wanted_balancing(FLEET), wanted_balancing(Fleet.model_validate(octavia)))
