"""
The parts of an Octavia load balancer as one wants them: listeners, pools, members, health monitors.

Values and bodies only; :mod:`load_balancer_listeners` and :mod:`load_balancer_pools` call the API.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

TCP = "tcp"
HTTP = "http"
PROXY_V1 = "proxy"
PROXY_V2 = "proxyV2"
"""A pool of this protocol sends the PROXY protocol's header, version 2 (:data:`PROXY_V1`: version 1)."""

ROUND_ROBIN = "roundRobin"
LEAST_CONNECTIONS = "leastConnections"
SOURCE_IP = "sourceIP"


@dataclass(frozen=True)
class NewMember:
    """A member of a pool; *weight* is 1 to 256."""

    address: IPv4Address
    port: int
    name: str
    weight: int = 1


@dataclass(frozen=True)
class NewMonitor:
    """
    How the members of a pool are watched.

    Attributes:
        type: "tcp", "http", or another word of OVH's.
        delay: seconds between two checks.
        timeout: seconds that one may take; less than *delay*.
        retries: checks that must succeed before a member is back.
        retries_down: checks that must fail before a member is out.
        url_path: what an HTTP monitor asks for.
        expected_codes: "200", "200,202" or "200-204", for HTTP.
        host: the ``Host`` header, for HTTP.
    """

    name: str
    type: str = TCP
    delay: int = 5
    timeout: int = 3
    retries: int = 2
    retries_down: int = 3
    url_path: str | None = None
    expected_codes: str | None = None
    host: str | None = None


@dataclass(frozen=True)
class NewPool:
    """A pool; its *protocol* may be :data:`TCP`, :data:`HTTP`, :data:`PROXY_V1` or :data:`PROXY_V2`."""

    name: str
    protocol: str
    algorithm: str = ROUND_ROBIN
    members: tuple[NewMember, ...] = ()
    monitor: NewMonitor | None = None


@dataclass(frozen=True)
class NewListener:
    """A listener; *allowed* are the sources that it lets in, none for all."""

    name: str
    protocol: str
    port: int
    pool: NewPool | None = None
    allowed: tuple[IPv4Network, ...] = ()


def listener_body(listener: NewListener) -> dict[str, Any]:
    """Return a listener, with its pool, as the call that creates a whole load balancer takes it."""
    body: dict[str, Any] = {"name": listener.name, "protocol": listener.protocol, "port": listener.port}
    if listener.allowed:
        body["allowedCidrs"] = [str(network) for network in listener.allowed]
    if listener.pool is not None:
        body["pool"] = pool_body(listener.pool)
    return body


def pool_body(pool: NewPool) -> dict[str, Any]:
    """Return a pool with its members and its monitor."""
    body: dict[str, Any] = {"name": pool.name, "protocol": pool.protocol, "algorithm": pool.algorithm}
    body["members"] = [member_body(member) for member in pool.members]
    if pool.monitor is not None:
        body["healthMonitor"] = monitor_body(pool.monitor)
    return body


def member_body(member: NewMember) -> dict[str, Any]:
    """Return a member."""
    return {
        "name": member.name,
        "address": str(member.address),
        "protocolPort": member.port,
        "weight": member.weight,
    }


def monitor_body(monitor: NewMonitor) -> dict[str, Any]:
    """Return a health monitor without its pool."""
    body: dict[str, Any] = {
        "name": monitor.name,
        "monitorType": monitor.type,
        "delay": monitor.delay,
        "timeout": monitor.timeout,
        "maxRetries": monitor.retries,
        "maxRetriesDown": monitor.retries_down,
    }
    http = {"urlPath": monitor.url_path, "expectedCodes": monitor.expected_codes, "domainName": monitor.host}
    given = {name: value for name, value in http.items() if value is not None}
    if given:
        body["httpConfiguration"] = {"httpMethod": "GET", **given}
    return body
