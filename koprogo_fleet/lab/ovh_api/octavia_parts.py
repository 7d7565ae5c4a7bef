"""New parts of an Octavia load balancer, and the rules that they obey."""

from __future__ import annotations

import uuid
from ipaddress import AddressValueError, IPv4Address
from typing import Any

from koprogo_fleet.lab.ovh_api.calls import checked
from koprogo_fleet.lab.ovh_api.errors import bad_request, conflict
from koprogo_fleet.lab.ovh_api.state import Record

LISTENER_POOLS = {
    "http": ("http", "proxy", "proxyV2"),
    "https": ("https", "proxy", "proxyV2", "tcp"),
    "tcp": ("http", "https", "proxy", "proxyV2", "tcp"),
    "terminatedHTTPS": ("http", "https", "proxy", "proxyV2"),
    "udp": ("udp",),
    "sctp": ("sctp",),
    "prometheus": (),
}
"""Which pools a listener's protocol can lead to (octavia, ``constants.py``, VALID_LISTENER_POOL_PROTOCOL_MAP)."""

POOL_PROTOCOLS = ("http", "https", "proxy", "proxyV2", "sctp", "tcp", "udp")
ALGORITHMS = ("roundRobin", "leastConnections", "sourceIP")
MONITORS = ("http", "https", "ping", "sctp", "tcp", "tls-hello", "udp-connect")
_HTTP = {"urlPath": "/", "httpMethod": "GET", "expectedCodes": "200", "domainName": None, "httpVersion": "1.0"}
_MAX_PORT = 65535
_MAX_WEIGHT = 256


def new_listener(data: Record, balancer: Record, body: Record, pool: Record | None) -> Record:
    """
    Add a listener to the state; *body* is checked for its types already.

    Raises:
        ApiError: 400, the protocol or port cannot be, or leads to no such pool; 409, the port is taken.
    """
    protocol, port = body["protocol"], body["port"]
    if protocol not in LISTENER_POOLS:
        raise bad_request(f"Invalid listener protocol {protocol}")
    _check_port(port)
    if any(item["balancer_id"] == balancer["id"] and item["port"] == port for item in data["listeners"].values()):
        raise conflict(f"Another Listener on this Load Balancer is already using protocol_port {port}")
    check_pool(protocol, pool)
    listener = {
        **_child(balancer, body.get("name", "")),
        "port": port,
        "protocol": protocol,
        "default_pool_id": pool["id"] if pool else None,
        "description": body.get("description", ""),
        "allowed_cidrs": body.get("allowedCidrs"),
        "certificate_id": body.get("certificateId") or body.get("secretId"),
        "timeout_client": body.get("timeoutClientData", 50_000),
        "timeout_member": body.get("timeoutMemberData", 50_000),
        "tls_versions": body.get("tlsVersions"),
    }
    data["listeners"][listener["id"]] = listener
    return listener


def check_pool(protocol: str, pool: Record | None) -> None:
    """
    Refuse a pool that a listener of *protocol* cannot lead to.

    Raises:
        ApiError: 400.
    """
    if pool is not None and pool["protocol"] not in LISTENER_POOLS[protocol]:
        raise bad_request(
            f"The pool protocol '{pool['protocol']}' is invalid while the listener protocol is '{protocol}'."
        )


def new_pool(data: Record, balancer: Record, body: Record) -> Record:
    """
    Add a pool without members to the state.

    Raises:
        ApiError: 400, the protocol or algorithm is unknown.
    """
    if body["protocol"] not in POOL_PROTOCOLS:
        raise bad_request(f"Invalid pool protocol {body['protocol']}")
    if body["algorithm"] not in ALGORITHMS:
        raise bad_request(f"Invalid pool algorithm {body['algorithm']}")
    pool = {
        **_child(balancer, body.get("name", "")),
        "protocol": body["protocol"],
        "algorithm": body["algorithm"],
        "persistence": body.get("sessionPersistence"),
    }
    data["pools"][pool["id"]] = pool
    return pool


def new_member(data: Record, pool: Record, wanted: Any) -> Record:
    """
    Add a member to a pool.

    Raises:
        ApiError: 400, it is none; 409, the pool has it already.
    """
    body = checked(wanted, {"address": str, "protocolPort": int}, {"name": str, "weight": int})
    try:
        address = str(IPv4Address(body["address"]))
    except AddressValueError:
        raise bad_request(f"Invalid address {body['address']}") from None
    _check_port(body["protocolPort"])
    check_weight(body.get("weight", 1))
    here = (address, body["protocolPort"])
    if any(
        item["pool_id"] == pool["id"] and (item["address"], item["port"]) == here for item in data["members"].values()
    ):
        raise conflict(f"Another member on this pool is already using ip {here[0]} on protocol_port {here[1]}")
    member = {
        **_child(data["load_balancers"][pool["balancer_id"]], body.get("name", "")),
        "pool_id": pool["id"],
        "address": address,
        "port": body["protocolPort"],
        "weight": body.get("weight", 1),
    }
    data["members"][member["id"]] = member
    return member


def check_weight(weight: int) -> None:
    """
    Refuse a weight that is none.

    Raises:
        ApiError: 400.
    """
    if not 1 <= weight <= _MAX_WEIGHT:
        raise bad_request(f"weight must be between 1 and {_MAX_WEIGHT}")


def new_monitor(data: Record, pool: Record, body: Record) -> Record:
    """
    Add the health monitor of a pool; *body* is checked for its types already.

    Raises:
        ApiError: 400, it cannot be; 409, the pool has one.
    """
    if body["monitorType"] not in MONITORS:
        raise bad_request(f"Invalid health monitor type {body['monitorType']}")
    check_times(body["delay"], body["timeout"])
    if any(item["pool_id"] == pool["id"] for item in data["health_monitors"].values()):
        raise conflict("This pool already has a health monitor")
    monitor = {
        **_child(data["load_balancers"][pool["balancer_id"]], body["name"]),
        "pool_id": pool["id"],
        "type": body["monitorType"],
        "delay": body["delay"],
        "timeout": body["timeout"],
        "retries": body["maxRetries"],
        "retries_down": body.get("maxRetriesDown", 3),
        "http": http_check(body["monitorType"], body.get("httpConfiguration")),
    }
    data["health_monitors"][monitor["id"]] = monitor
    return monitor


def check_times(delay: int, timeout: int) -> None:
    """
    Refuse a check that can take longer than the time to the next one.

    Raises:
        ApiError: 400.
    """
    if timeout >= delay:
        raise bad_request("timeout must be lower than delay")


def http_check(monitor_type: str, wanted: Any) -> Record | None:
    """
    Return the HTTP part of a monitor, with Octavia's defaults; None for a monitor that does not speak HTTP.

    Raises:
        ApiError: 400, there is one though it does not.
    """
    if monitor_type not in ("http", "https"):
        if wanted is not None:
            raise bad_request(f"A {monitor_type} health monitor has no httpConfiguration")
        return None
    return {**_HTTP, **checked(wanted or {}, {}, dict.fromkeys(_HTTP, str))}


def _check_port(port: int) -> None:
    if not 1 <= port <= _MAX_PORT:
        raise bad_request(f"Invalid port {port}")


def _child(balancer: Record, name: str) -> Record:
    return {
        "id": str(uuid.uuid4()),
        "name": name,
        "region": balancer["region"],
        "balancer_id": balancer["id"],
        "status": "creating",
    }
