"""
Frontends of the classic IP Load Balancer. Nothing is in force before a refresh.

*kind* is :data:`~koprogo_fleet.ovh.ip_load_balancers.TCP` or ``HTTP`` in all calls.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from koprogo_fleet.ovh.client import OvhApi


@dataclass(frozen=True)
class NewFrontend:
    """
    A frontend as one wants it.

    Attributes:
        zone: such as "gra", or "all".
        port: a port, a range or a list of them ("80", "8000-8010", "80,443").
        farm_id: the farm that it leads to.
        allowed: the sources that it lets in, none for all.
    """

    name: str
    zone: str
    port: str
    farm_id: int | None = None
    allowed: tuple[IPv4Network, ...] = ()
    is_disabled: bool = False


@dataclass(frozen=True)
class Frontend:
    """A frontend that exists; *wanted* is what it is."""

    id: int
    kind: str
    wanted: NewFrontend


def list_frontends(api: OvhApi, name: str, kind: str, zone: str | None = None) -> tuple[Frontend, ...]:
    """Return the frontends of one kind of a service; a call for each, and one more."""
    path = _path(name, kind)
    return tuple(_frontend(kind, api.get(f"{path}/{frontend_id}")) for frontend_id in api.get(path, zone=zone))


def create_frontend(api: OvhApi, name: str, kind: str, new: NewFrontend) -> Frontend:
    """Create a frontend."""
    body = {field: value for field, value in _body(new).items() if value is not None}
    return _frontend(kind, api.post(_path(name, kind), body))


def change_frontend(api: OvhApi, name: str, kind: str, frontend_id: int, new: NewFrontend) -> None:
    """Make a frontend what *new* says."""
    api.put(f"{_path(name, kind)}/{frontend_id}", _body(new))


def delete_frontend(api: OvhApi, name: str, kind: str, frontend_id: int) -> None:
    """Delete a frontend; its farm stays."""
    api.delete(f"{_path(name, kind)}/{frontend_id}")


def _path(name: str, kind: str) -> str:
    return f"/ipLoadbalancing/{name}/{kind}/frontend"


def _body(new: NewFrontend) -> dict[str, Any]:
    return {
        "displayName": new.name,
        "zone": new.zone,
        "port": new.port,
        "defaultFarmId": new.farm_id,
        "allowedSource": [str(network) for network in new.allowed] or None,
        "disabled": new.is_disabled,
        "ssl": False,
    }


def _frontend(kind: str, item: dict[str, Any]) -> Frontend:
    wanted = NewFrontend(
        name=item.get("displayName") or "",
        zone=item["zone"],
        port=item["port"],
        farm_id=item.get("defaultFarmId"),
        allowed=tuple(IPv4Network(network) for network in item.get("allowedSource") or ()),
        is_disabled=bool(item.get("disabled")),
    )
    return Frontend(int(item["frontendId"]), kind, wanted)
