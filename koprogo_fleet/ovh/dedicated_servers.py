"""Dedicated servers that one owns: their addresses, and their interfaces by MAC address."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any
from urllib.parse import quote

from koprogo_fleet.core.errors import OvhError
from koprogo_fleet.ovh.client import OvhApi

OK = "ok"
POWER_ON = "poweron"
PUBLIC = "public"
VRACK = "vrack"
PUBLIC_AGGREGATION = "public_aggregation"
VRACK_AGGREGATION = "vrack_aggregation"
_TASK_DONE = "done"
_TASK_FAILED = frozenset({"cancelled", "customerError", "ovhError"})


@dataclass(frozen=True)
class DedicatedServer:
    """
    A dedicated server.

    Attributes:
        name: such as ``ns123456.ip-198-51-100.eu``.
        state: ok, error, hacked, hackedBlocked.
        power_state: poweron, poweroff.
        link_speed: Mbit/s, None if OVH does not say.
    """

    name: str
    ip: IPv4Address
    datacenter: str
    region: str
    state: str
    power_state: str
    os: str
    link_speed: int | None


@dataclass(frozen=True)
class VirtualInterface:
    """
    A virtual network interface: one NIC, or several that act as one (the modes with "aggregation").

    Attributes:
        uuid: what is attached to a vRack.
        mode: :data:`PUBLIC`, :data:`VRACK`, or their aggregations.
        macs: of its NICs; how the node finds them.
        vrack_id: None while it is in no vRack.
    """

    uuid: str
    name: str
    mode: str
    is_enabled: bool
    macs: tuple[str, ...]
    server: str
    vrack_id: str | None


@dataclass(frozen=True)
class Nic:
    """A NIC; *link_type* is public, private, provisioning, isolated, or one of these with "_lag"."""

    mac: str
    link_type: str
    interface_uuid: str | None


@dataclass(frozen=True)
class VrackSide:
    """
    How a server is in a vRack, or could be.

    Attributes:
        interface_uuid: what is attached; None for an old server, which is attached as a whole.
        macs: of the NICs; the node has one address on them.
        vrack_id: None while it is in no vRack.
    """

    interface_uuid: str | None
    macs: tuple[str, ...]
    vrack_id: str | None


@dataclass(frozen=True)
class ServerTask:
    """A task of a server; *status* is init, todo, doing, done, cancelled, customerError or ovhError."""

    id: int
    server: str
    function: str
    status: str


def list_servers(api: OvhApi) -> tuple[str, ...]:
    """Return the names of the account's dedicated servers."""
    return tuple(str(name) for name in api.get("/dedicated/server"))


def get_server(api: OvhApi, name: str) -> DedicatedServer:
    """Return one server."""
    item = api.get(_path(name))
    return DedicatedServer(
        name=item["name"],
        ip=IPv4Address(item["ip"]),
        datacenter=item["datacenter"],
        region=item["region"],
        state=item["state"],
        power_state=item["powerState"],
        os=item["os"],
        link_speed=item.get("linkSpeed"),
    )


def list_interfaces(api: OvhApi, name: str, mode: str | None = None) -> tuple[VirtualInterface, ...]:
    """Return the virtual network interfaces of a server, or those of one mode; a call for each, and one more."""
    uuids = api.get(f"{_path(name)}/virtualNetworkInterface", mode=mode)
    return tuple(_interface(api.get(f"{_path(name)}/virtualNetworkInterface/{uuid}")) for uuid in uuids)


def list_nics(api: OvhApi, name: str, link_type: str | None = None) -> tuple[Nic, ...]:
    """Return the NICs of a server, or those of one link type; a call for each, and one more."""
    macs = api.get(f"{_path(name)}/networkInterfaceController", linkType=link_type)
    items = (api.get(f"{_path(name)}/networkInterfaceController/{quote(mac, safe='')}") for mac in macs)
    return tuple(Nic(item["mac"].lower(), item["linkType"], item.get("virtualNetworkInterface")) for item in items)


def get_vrack_side(api: OvhApi, name: str) -> VrackSide | None:
    """Return a server's vRack interface, or an old server's private NIC; None if it has neither. Two to five calls."""
    for interface in list_interfaces(api, name):
        if interface.mode in {VRACK, VRACK_AGGREGATION} and interface.is_enabled:
            return VrackSide(interface.uuid, interface.macs, interface.vrack_id)
    macs = tuple(nic.mac for nic in list_nics(api, name) if nic.link_type in {"private", "private_lag"})
    return VrackSide(None, macs, next(iter(list_vracks_of(api, name)), None)) if macs else None


def list_vracks_of(api: OvhApi, name: str) -> tuple[str, ...]:
    """Return the ids of the vRacks that a server is in."""
    return tuple(str(item) for item in api.get(f"{_path(name)}/vrack"))


def reboot_server(api: OvhApi, name: str) -> ServerTask:
    """Reboot a server by its power switch."""
    return _task(name, api.post(f"{_path(name)}/reboot"))


def is_task_done(api: OvhApi, task: ServerTask) -> bool:
    """
    Whether a task is done; it may not be found for a moment after the call that began it.

    Raises:
        OvhError: it failed, or was cancelled.
    """
    path = f"{_path(task.server)}/task/{task.id}"
    status = _task(task.server, api.get(path)).status
    if status in _TASK_FAILED:
        raise OvhError(
            f"{task.server}: task {task.id} ({task.function}) ended as {status}",
            method="GET",
            path=path,
            cause="OVH gave it up",
            next_step="look at the server in the OVH manager, then run the command again",
        )
    return status == _TASK_DONE


def _path(name: str) -> str:
    return f"/dedicated/server/{name}"


def _interface(item: dict[str, Any]) -> VirtualInterface:
    return VirtualInterface(
        uuid=item["uuid"],
        name=item.get("name") or "",
        mode=item["mode"],
        is_enabled=bool(item["enabled"]),
        macs=tuple(mac.lower() for mac in item["networkInterfaceController"]),
        server=item["serverName"],
        vrack_id=item.get("vrack"),
    )


def _task(name: str, item: dict[str, Any]) -> ServerTask:
    return ServerTask(int(item["taskId"]), name, item["function"], item["status"])
