"""Load balancers, as tables: what exists on the left, the single changes on the right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from observed_fleet import ALL, FLEET, KEY, SUBNET

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.floating_ips import FloatingIp
from koprogo_fleet.ovh.gateways import Gateway
from koprogo_fleet.ovh.load_balancer_listeners import Listener
from koprogo_fleet.ovh.load_balancer_pools import Member, Monitor, Pool
from koprogo_fleet.ovh.load_balancers import LoadBalancer, LoadBalancerFlavor
from koprogo_fleet.provision.balancing import Backend, Balancer, wanted_listeners
from koprogo_fleet.provision.balancing_changes import changes
from koprogo_fleet.provision.plan import plan

BALANCED = Fleet.model_validate(
    {
        **FLEET.model_dump(mode="json"),
        "network": {"gateway": "s"},
        "load_balancer": {"kind": "octavia"},
    }
)
WANTED = wanted_listeners(BALANCED)
ONLINE = ("active", "online")


def as_wanted() -> Balancer:
    """Return a load balancer that is what it has to be."""
    listeners, backends = [], []
    for new in WANTED:
        assert new.pool is not None
        assert new.pool.monitor is not None
        pool = Pool(f"id of {new.pool.name}", new.pool.name, "lb", new.name, "tcp", new.pool.algorithm, *ONLINE)
        members = tuple(
            Member(one.name, one.name, one.address, one.port, one.weight, *ONLINE) for one in new.pool.members
        )
        backends.append(Backend(pool, members, Monitor("m", pool.id, new.pool.monitor, "active")))
        listeners.append(Listener(new.name, new.name, "lb", "tcp", new.port, pool.id, (), *ONLINE))
    vip = IPv4Address("10.0.0.225")
    balancer = LoadBalancer("lb", "koprogo-lb", "GRA11", "small", *ONLINE, vip, "os", SUBNET.id, None, None)
    return Balancer(balancer, tuple(listeners), tuple(backends))


NOW = as_wanted()
HTTP, HTTPS = NOW.backends
FIRST, SECOND = NOW.listeners
STRANGER = Member("x", "stranger", IPv4Address("10.0.0.9"), 30080, 1, *ONLINE)


def with_http(**parts: Any) -> Balancer:
    """Return the balancer with another first pool."""
    return replace(NOW, backends=(replace(HTTP, **parts), HTTPS))


def with_listeners(*listeners: Listener) -> Balancer:
    """Return the balancer with other listeners."""
    return replace(NOW, listeners=listeners)


def watched(**what: Any) -> Balancer:
    """Return the balancer with another monitor."""
    assert HTTP.monitor is not None
    return with_http(monitor=replace(HTTP.monitor, wanted=replace(HTTP.monitor.wanted, **what)))


CASES: list[tuple[Balancer, list[str]]] = [
    (NOW, []),
    (with_http(members=()), ["koprogo-lb-http-tcp: new koprogo-worker-1"]),
    (with_http(members=(*HTTP.members, STRANGER)), ["koprogo-lb-http-tcp: no stranger (10.0.0.9:30080)"]),
    (with_http(members=(*HTTP.members, replace(STRANGER, status="deleting"))), []),
    (
        with_http(members=(replace(HTTP.members[0], weight=7),)),
        ["koprogo-lb-http-tcp: koprogo-worker-1 with weight 1"],
    ),
    (with_http(monitor=None), ["koprogo-lb-http-tcp: new monitor"]),
    (watched(delay=60), ["koprogo-lb-http-tcp: monitor"]),
    (watched(type="ping"), ["koprogo-lb-http-tcp: no ping monitor"]),
    (with_http(pool=replace(HTTP.pool, algorithm="sourceIP")), ["koprogo-lb-http-tcp: roundRobin"]),
    (
        with_http(pool=replace(HTTP.pool, name="koprogo-lb-http-proxyV2", protocol="proxyV2")),
        ["new pool koprogo-lb-http-tcp", "listener 80", f"no pool koprogo-lb-http-proxyV2 ({HTTP.pool.id})"],
    ),
    (with_listeners(FIRST), ["new listener 443"]),
    (with_listeners(FIRST, replace(SECOND, pool_id=HTTP.pool.id)), ["listener 443"]),
    (with_listeners(FIRST, replace(SECOND, allowed=(IPv4Network("192.0.2.0/24"),))), ["listener 443"]),
    (with_listeners(FIRST, replace(SECOND, protocol="http")), ["no http listener 443"]),
    (
        with_listeners(FIRST, SECOND, replace(SECOND, id="old", port=8443)),
        ["no tcp listener 8443"],
    ),
    (with_listeners(FIRST, SECOND, replace(SECOND, id="mail", name="mail", port=25)), []),
]


@pytest.mark.parametrize(("now", "expected"), CASES)
def test_changes(now: Balancer, expected: list[str]) -> None:
    """Each difference of a part is one change; what is not the fleet's stays."""
    assert expected == [change.what for change in changes(WANTED, now)]


SIZES = (LoadBalancerFlavor("small", "small", "GRA11"), LoadBalancerFlavor("medium", "medium", "GRA11"))
GATEWAY = Gateway("g", "koprogo-gateway", "GRA11", "s", "active", (SUBNET.id,), ())
FLOATING = FloatingIp("f", IPv4Address("198.51.100.9"), "GRA11", "active", "lb", "loadbalancer", None, "g")
THERE = replace(
    ALL,
    subnets=(replace(SUBNET, gateway=IPv4Address("10.0.0.1")),),
    gateways=(GATEWAY,),
    balancers=(NOW,),
    balancer_sizes=SIZES,
    floating_ips=(FLOATING,),
)


def shown(**changes: Any) -> list[str]:
    """Return the plan's differences as text, where these lists differ; "!" marks those that are refused."""
    wanted = plan(BALANCED, replace(THERE, **changes).observed, KEY)
    return [f"{'! ' if step in wanted.refused else ''}{step.difference}" for step in wanted.steps]


def balancer(**fields: Any) -> tuple[Balancer, ...]:
    """Return the load balancer with other fields."""
    return (replace(NOW, balancer=replace(NOW.balancer, **fields)),)


PLANS: list[tuple[Callable[[], list[str]], list[str]]] = [
    (shown, []),
    (
        lambda: shown(gateways=()),
        ["create gateway koprogo-gateway: size s, GRA11"],
    ),
    (
        lambda: shown(gateways=(replace(GATEWAY, model="l"),)),
        ["change gateway koprogo-gateway: size l, GRA11 -> size s, GRA11"],
    ),
    (
        lambda: shown(gateways=(replace(GATEWAY, status="building", subnet_ids=()),)),
        ["change gateway koprogo-gateway: status building, size s -> active"],
    ),
    (
        lambda: shown(gateways=(replace(GATEWAY, status="error", subnet_ids=()),)),
        ["replace gateway koprogo-gateway: error -> created again"],
    ),
    (
        lambda: shown(gateways=(replace(GATEWAY, name="other"),)),
        ["! create gateway koprogo-gateway: size s, GRA11, but the subnet has the gateway other"],
    ),
    (
        lambda: shown(subnets=(SUBNET,)),
        ["change subnet koprogo-vrack/GRA11: no gateway -> gateway 10.0.0.1"],
    ),
    (
        lambda: shown(subnets=(replace(SUBNET, gateway=IPv4Address("10.0.0.254")),)),
        ["! change subnet koprogo-vrack/GRA11: gateway 10.0.0.254 -> gateway 10.0.0.1"],
    ),
    (
        lambda: shown(balancers=balancer(flavor_id="medium")),
        ["change load balancer koprogo-lb: medium -> small"],
    ),
    (lambda: shown(balancers=balancer(flavor_id="not sold any more")), []),
    (
        lambda: shown(balancers=balancer(status="creating")),
        ["change load balancer koprogo-lb: status creating -> active"],
    ),
    (
        lambda: shown(balancers=(with_http(monitor=None),)),
        ["change load balancer koprogo-lb: parts differ -> koprogo-lb-http-tcp: new monitor"],
    ),
    (
        lambda: shown(balancers=balancer(status="error")),
        [
            "replace load balancer koprogo-lb: error -> created again",
            "change floating IP koprogo-lb: 198.51.100.9 to the old load balancer -> to the new one",
        ],
    ),
    (
        lambda: shown(balancers=balancer(subnet_id="another")),
        [
            "replace load balancer koprogo-lb: in another subnet -> in GRA11's subnet",
            "change floating IP koprogo-lb: 198.51.100.9 to the old load balancer -> to the new one",
        ],
    ),
    (
        lambda: shown(floating_ips=()),
        ["create floating IP koprogo-lb: to the load balancer, GRA11"],
    ),
    (
        lambda: shown(floating_ips=(replace(FLOATING, entity_id=None, status="down"),)),
        ["create floating IP koprogo-lb: to the load balancer, GRA11"],
    ),
]


@pytest.mark.parametrize(("there", "expected"), PLANS)
def test_plan(there: Callable[[], list[str]], expected: list[str]) -> None:
    """Gateway, load balancer and floating IP are created, changed, waited for, replaced or refused."""
    assert expected == there()
