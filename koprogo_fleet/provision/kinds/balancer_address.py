"""The public address of the fleet's load balancer, of whatever kind: what the DNS leads to."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.floating_ips import FloatingIp
from koprogo_fleet.provision.kind import Ref
from koprogo_fleet.provision.kinds.balancer_vrack import IP_LOAD_BALANCER_SERVICE
from koprogo_fleet.provision.kinds.floating_ip import FLOATING_IP, FloatingIpKind
from koprogo_fleet.provision.kinds.ip_load_balancer import IP_LOAD_BALANCER
from koprogo_fleet.provision.lists import Lists


def what_has_the_address(fleet: Fleet) -> tuple[Ref, ...]:
    """Return what has to be ready before the address answers: the floating IP, or all of the classic balancer."""
    return (
        *(FLOATING_IP.ref(wanted.name) for wanted in FLOATING_IP.wanted(fleet)),
        *(IP_LOAD_BALANCER.ref(wanted.name) for wanted in IP_LOAD_BALANCER.wanted(fleet)),
    )


def address_of_balancer(
    fleet: Fleet, lists: Lists, find: Callable[[FloatingIpKind, str], FloatingIp | None]
) -> IPv4Address | None:
    """Return the address; None if it will be known only later. *find* is told a floating IP's name."""
    for wanted in FLOATING_IP.wanted(fleet):
        floating = find(FLOATING_IP, wanted.name)
        return floating.ip if floating else None
    service = lists.of(IP_LOAD_BALANCER_SERVICE)
    return service.ipv4 if service else None
