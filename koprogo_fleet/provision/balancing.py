"""A load balancer (Octavia) with all its parts, as it is and as it has to be. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.load_balancer_listeners import Listener
from koprogo_fleet.ovh.load_balancer_parts import (
    PROXY_V1,
    PROXY_V2,
    TCP,
    NewListener,
    NewMember,
    NewMonitor,
    NewPool,
)
from koprogo_fleet.ovh.load_balancer_pools import Member, Monitor, Pool
from koprogo_fleet.ovh.load_balancers import LoadBalancer

_POOL_PROTOCOLS = {"none": TCP, "v1": PROXY_V1, "v2": PROXY_V2}


@dataclass(frozen=True)
class Backend:
    """A pool with what is in it."""

    pool: Pool
    members: tuple[Member, ...] = ()
    monitor: Monitor | None = None


@dataclass(frozen=True)
class Balancer:
    """A load balancer with its parts; of another fleet's, the parts are not read."""

    balancer: LoadBalancer
    listeners: tuple[Listener, ...] = ()
    backends: tuple[Backend, ...] = ()


def balancer_name(fleet: Fleet) -> str:
    """Return the name of the fleet's load balancer."""
    return f"{fleet.name}-lb"


def wanted_listeners(fleet: Fleet) -> tuple[NewListener, ...]:
    """
    Return the listeners for HTTP and HTTPS: TCP, to the NodePorts of ``ingress`` on every agent.

    The PROXY protocol is the pool's protocol, which cannot be changed. So it is in the pool's name: the new pool is
    complete before the listener leads to it, and then the old one goes.
    """
    section, name = fleet.load_balancer, balancer_name(fleet)
    if section is None:
        return ()
    protocol = _POOL_PROTOCOLS[section.proxy_protocol]

    def listener(part: str, port: int, node_port: int) -> NewListener:
        members = tuple(NewMember(agent.vrack_address, node_port, agent.name) for agent in fleet.agents)
        monitor = NewMonitor(f"{name}-{part}")
        return NewListener(
            f"{name}-{part}",
            TCP,
            port,
            NewPool(f"{name}-{part}-{protocol}", protocol, members=members, monitor=monitor),
        )

    return listener("http", section.http, fleet.ingress.http), listener("https", section.https, fleet.ingress.https)
