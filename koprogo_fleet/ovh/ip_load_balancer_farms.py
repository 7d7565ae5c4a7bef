"""
Farms of the classic IP Load Balancer, their probes and their servers. Nothing is in force before a refresh.

*kind* is :data:`~koprogo_fleet.ovh.ip_load_balancers.TCP` or ``HTTP`` in all calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from koprogo_fleet.ovh.client import OvhApi

ROUND_ROBIN = "roundrobin"
LEAST_CONNECTIONS = "leastconn"
PROXY_V1 = "v1"
PROXY_V2 = "v2"
ACTIVE = "active"
INACTIVE = "inactive"


@dataclass(frozen=True)
class Probe:
    """
    How the servers of a farm are watched, where a server wants it.

    Attributes:
        type: "tcp" or "http".
        interval: seconds between two checks; OVH wants at least 30.
        url: what an HTTP probe asks for.
        statuses: "200" or "200,202", what an HTTP probe must get; None for any success.
        port: None for the farm's.
    """

    type: str = "tcp"
    interval: int = 30
    url: str | None = None
    statuses: str | None = None
    port: int | None = None


@dataclass(frozen=True)
class NewFarm:
    """A farm as one wants it; *zone* is such as "gra" or "all", and cannot be changed; *port* None is the frontend's."""

    name: str
    zone: str
    port: int | None
    balance: str = ROUND_ROBIN
    probe: Probe | None = None
    network_id: int | None = None


@dataclass(frozen=True)
class Farm:
    """A farm that exists; *wanted* is what it is."""

    id: int
    kind: str
    wanted: NewFarm


@dataclass(frozen=True)
class NewServer:
    """
    A server of a farm as one wants it; its address cannot be changed.

    Attributes:
        port: None for the farm's.
        proxy_protocol: :data:`PROXY_V1` or :data:`PROXY_V2`, None for no header.
        is_watched: whether the farm's probe decides if it gets traffic.
    """

    name: str
    address: IPv4Address
    port: int | None = None
    weight: int = 1
    is_active: bool = True
    is_watched: bool = True
    proxy_protocol: str | None = None


@dataclass(frozen=True)
class Server:
    """A server of a farm that exists; *states* are what the service's instances see ("UP"), none before a refresh."""

    id: int
    farm_id: int
    wanted: NewServer
    states: tuple[str, ...]


def list_farms(api: OvhApi, name: str, kind: str, zone: str | None = None) -> tuple[Farm, ...]:
    """Return the farms of one kind of a service."""
    path = _farms(name, kind)
    return tuple(_farm(kind, api.get(f"{path}/{farm_id}")) for farm_id in api.get(path, zone=zone))


def create_farm(api: OvhApi, name: str, kind: str, new: NewFarm) -> Farm:
    """Create a farm without servers."""
    return _farm(kind, api.post(_farms(name, kind), {"zone": new.zone, **_given(_farm_body(new))}))


def change_farm(api: OvhApi, name: str, kind: str, farm_id: int, new: NewFarm) -> None:
    """Make a farm what *new* says, but for its zone."""
    api.put(f"{_farms(name, kind)}/{farm_id}", _farm_body(new))


def delete_farm(api: OvhApi, name: str, kind: str, farm_id: int) -> None:
    """Delete a farm with its servers; delete or change the frontends that lead to it first."""
    api.delete(f"{_farms(name, kind)}/{farm_id}")


def list_servers(api: OvhApi, name: str, kind: str, farm_id: int) -> tuple[Server, ...]:
    """Return the servers of a farm."""
    path = f"{_farms(name, kind)}/{farm_id}/server"
    return tuple(_server(api.get(f"{path}/{server_id}")) for server_id in api.get(path))


def create_server(api: OvhApi, name: str, kind: str, farm_id: int, new: NewServer) -> Server:
    """Add a server to a farm."""
    body = {"address": str(new.address), **_given(_server_body(new))}
    return _server(api.post(f"{_farms(name, kind)}/{farm_id}/server", body))


def change_server(  # noqa: PLR0913, PLR0917 - which one, and what it is to be
    api: OvhApi, name: str, kind: str, farm_id: int, server_id: int, new: NewServer
) -> None:
    """Make a server of a farm what *new* says, but for its address."""
    api.put(f"{_farms(name, kind)}/{farm_id}/server/{server_id}", _server_body(new))


def delete_server(api: OvhApi, name: str, kind: str, farm_id: int, server_id: int) -> None:
    """Remove a server from a farm."""
    api.delete(f"{_farms(name, kind)}/{farm_id}/server/{server_id}")


def _farms(name: str, kind: str) -> str:
    return f"/ipLoadbalancing/{name}/{kind}/farm"


def _given(body: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in body.items() if value is not None}


def _farm_body(new: NewFarm) -> dict[str, Any]:
    """Return all that can be written, null where nothing is wanted: a PUT replaces the whole object."""
    return {
        "displayName": new.name,
        "port": new.port,
        "balance": new.balance,
        "probe": _given(_probe_body(new.probe)) if new.probe else None,
        "stickiness": None,
        "vrackNetworkId": new.network_id,
    }


def _probe_body(probe: Probe) -> dict[str, Any]:
    match = {"match": "status", "pattern": probe.statuses} if probe.statuses else {}
    method = {"method": "GET", "url": probe.url or "/"} if probe.type == "http" else {}
    return {"type": probe.type, "interval": probe.interval, "port": probe.port, **method, **match}


def _server_body(new: NewServer) -> dict[str, Any]:
    return {
        "displayName": new.name,
        "port": new.port,
        "weight": new.weight,
        "status": ACTIVE if new.is_active else INACTIVE,
        "probe": new.is_watched,
        "proxyProtocolVersion": new.proxy_protocol,
        "ssl": False,
        "backup": False,
        "chain": None,
        "onMarkedDown": None,
    }


def _farm(kind: str, item: dict[str, Any]) -> Farm:
    probe = item.get("probe")
    wanted = NewFarm(
        name=item.get("displayName") or "",
        zone=item["zone"],
        port=item.get("port"),
        balance=item.get("balance") or ROUND_ROBIN,
        probe=Probe(
            type=probe.get("type") or "tcp",
            interval=int(probe.get("interval") or 30),
            url=probe.get("url"),
            statuses=probe.get("pattern") if probe.get("match") == "status" else None,
            port=probe.get("port"),
        )
        if probe
        else None,
        network_id=item.get("vrackNetworkId"),
    )
    return Farm(int(item["farmId"]), kind, wanted)


def _server(item: dict[str, Any]) -> Server:
    wanted = NewServer(
        name=item.get("displayName") or "",
        address=IPv4Address(item["address"]),
        port=item.get("port"),
        weight=1 if item.get("weight") is None else int(item["weight"]),
        is_active=item["status"] == ACTIVE,
        is_watched=bool(item["probe"]),
        proxy_protocol=item.get("proxyProtocolVersion"),
    )
    states = tuple(state["status"] for state in item.get("serverState") or () if state.get("status"))
    return Server(int(item["serverId"]), int(item["backendId"]), wanted, states)
