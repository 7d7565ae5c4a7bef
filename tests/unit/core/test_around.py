"""What the gateway, the load balancer and owned servers must not say together with the rest of fleet.yaml."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from koprogo_fleet.core.fleet import Fleet, Mistakes

FLEET: dict[str, Any] = {
    "name": "koprogo",
    "k3s": {"version": "v1.33.4+k3s1"},
    "pools": [
        {"name": "cp", "role": "server", "count": 1, "flavor": "b2-7", "first_address": "10.0.0.11"},
        {"name": "worker", "role": "agent", "count": 2, "flavor": "b2-7", "first_address": "10.0.0.21"},
    ],
}
OCTAVIA = {"kind": "octavia"}
IP = {"kind": "ip", "service": "loadbalancer-0123456789abcdef"}
SERVER = {"name": "koprogo-metal-1", "service": "ns3123456.ip-1-2-3.eu", "role": "agent", "vrack_address": "10.0.0.31"}


def mistakes(**sections: Any) -> list[str]:
    """Return what is wrong with the fleet that has these sections."""
    with pytest.raises(ValidationError) as caught:
        Fleet.model_validate({**FLEET, **sections})
    (detail,) = caught.value.errors()
    found = detail["ctx"]["error"]
    assert isinstance(found, Mistakes)
    return [mistake.message for mistake in found.found]


CASES: list[tuple[dict[str, Any], str]] = [
    ({"load_balancer": OCTAVIA}, "an Octavia load balancer gets its public address through a gateway"),
    ({"load_balancer": {"kind": "ip"}}, "an IP Load Balancer is ordered by hand: say its name"),
    ({"load_balancer": {**IP, "size": "small"}}, "an IP Load Balancer has no size"),
    (
        {"load_balancer": {**IP, "kind": "octavia"}, "network": {"gateway": "s"}},
        "service names a classic load balancer",
    ),
    ({"load_balancer": {**IP, "http": 443}}, "port 443 is used twice"),
    (
        {"network": {"gateway": "s", "vrack": "10.0.0.8/29"}, "pools": [FLEET["pools"][0]]},
        "vrack 10.0.0.8/29 has no room for OVH's own machines: at most /27",
    ),
    ({"dedicated_servers": [{**SERVER, "vrack_address": "10.0.0.21"}]}, "10.0.0.21 is used twice"),
    ({"dedicated_servers": [{**SERVER, "name": "koprogo-worker-2"}]}, "koprogo-worker-2 is used twice"),
    (
        {"dedicated_servers": [SERVER, {**SERVER, "name": "other", "vrack_address": "10.0.0.32"}]},
        "ns3123456.ip-1-2-3.eu is used twice",
    ),
    ({"dedicated_servers": [{**SERVER, "vrack_address": "10.0.1.1"}]}, "10.0.1.1 is outside the usable addresses"),
    (
        {"dedicated_servers": [{**SERVER, "vrack_address": "10.0.0.1"}], "network": {"gateway": "s"}},
        "10.0.0.1 is the gateway's address",
    ),
    (
        {"dedicated_servers": [{**SERVER, "vrack_address": "10.0.0.200"}], "load_balancer": IP},
        "10.0.0.200 is in 10.0.0.192/26, which OVH's gateways and load balancers take addresses of",
    ),
]


@pytest.mark.parametrize(("sections", "message"), CASES)
def test_contradictions(sections: dict[str, Any], message: str) -> None:
    """Each contradiction is told, and no other with it."""
    assert [message] == [message if message in found else found for found in mistakes(**sections)]


def test_a_pool_in_what_is_ovhs() -> None:
    """A pool that reaches into the last quarter is one mistake, however many nodes do; without a gateway it is none."""
    worker = {**FLEET["pools"][1], "first_address": "10.0.0.190", "count": 5}
    pools = [FLEET["pools"][0], worker]

    assert 1 == len(mistakes(pools=pools, network={"gateway": "s"}))
    assert Fleet.model_validate({**FLEET, "pools": pools}).agents


def test_agents_are_what_is_balanced() -> None:
    """Agents are the instances and the dedicated servers of this role, and no control planes."""
    fleet = Fleet.model_validate({**FLEET, "dedicated_servers": [SERVER]})

    assert ["koprogo-worker-1", "koprogo-worker-2", "koprogo-metal-1"] == [agent.name for agent in fleet.agents]


def test_shares_of_the_vrack() -> None:
    """The last quarter is halved: for classic load balancers, and for what OVH gives away; the first is the gateway's."""
    network = Fleet.model_validate(FLEET).network

    assert ("10.0.0.1", "10.0.0.192/26", "10.0.0.192/27") == (
        str(network.gateway_address),
        str(network.reserved),
        str(network.balancer_sources),
    )
    assert ["10.0.0.224", "10.0.0.254"] == [str(address) for address in network.given_away]
