"""
vRacks: the private network between the services of an account, and what is attached to it.

Attaching and detaching are tasks. A task that is done is soon purged, so that asking for it gives 404: that means done
(github.com/ovh/terraform-provider-ovh, ``vrack_task.go``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from koprogo_fleet.core.errors import OvhError, OvhNotFound
from koprogo_fleet.ovh.client import OvhApi

CANCELLED = "cancelled"
DONE = "done"


@dataclass(frozen=True)
class Vrack:
    """A vRack; *id* is such as "pn-123456"."""

    id: str
    name: str
    description: str


@dataclass(frozen=True)
class VrackTask:
    """A task of a vRack; *status* is init, todo, doing, done or cancelled."""

    id: int
    vrack_id: str
    function: str
    status: str


@dataclass(frozen=True)
class AttachedInterface:
    """A dedicated server's interface in a vRack; *uuid* is its virtual network interface."""

    server: str
    uuid: str
    name: str


def list_vracks(api: OvhApi) -> tuple[str, ...]:
    """Return the ids of the account's vRacks."""
    return tuple(str(item) for item in api.get("/vrack"))


def get_vrack(api: OvhApi, vrack_id: str) -> Vrack:
    """Return one vRack."""
    item = api.get(f"/vrack/{vrack_id}")
    return Vrack(item["serviceName"], item.get("name") or "", item.get("description") or "")


def change_vrack(api: OvhApi, vrack_id: str, name: str, description: str) -> None:
    """Give a vRack a name and a description."""
    api.put(f"/vrack/{vrack_id}", {"name": name, "description": description})


def find_vrack_of_project(api: OvhApi) -> str | None:
    """Return the id of the vRack that the Public Cloud project is in, or None."""
    try:
        return str(api.get(api.in_project("/vrack"))["id"])
    except OvhNotFound:
        return None


def list_projects(api: OvhApi, vrack_id: str) -> tuple[str, ...]:
    """Return the ids of the Public Cloud projects in a vRack."""
    return _members(api, vrack_id, "cloudProject")


def attach_project(api: OvhApi, vrack_id: str) -> VrackTask:
    """Attach our Public Cloud project; refused when it is in a vRack already."""
    return _attach(api, vrack_id, "cloudProject", "project", api.project)


def detach_project(api: OvhApi, vrack_id: str) -> VrackTask:
    """Detach our Public Cloud project."""
    return _detach(api, vrack_id, "cloudProject", api.project)


def list_servers(api: OvhApi, vrack_id: str) -> tuple[str, ...]:
    """Return the names of the dedicated servers that are attached as a whole: old ones, with one fixed vRack NIC."""
    return _members(api, vrack_id, "dedicatedServer")


def attach_server(api: OvhApi, vrack_id: str, name: str) -> VrackTask:
    """Attach a dedicated server as a whole; one with a "vrack" interface is attached by this interface instead."""
    return _attach(api, vrack_id, "dedicatedServer", "dedicatedServer", name)


def detach_server(api: OvhApi, vrack_id: str, name: str) -> VrackTask:
    """Detach a dedicated server that was attached as a whole."""
    return _detach(api, vrack_id, "dedicatedServer", name)


def list_interfaces(api: OvhApi, vrack_id: str) -> tuple[AttachedInterface, ...]:
    """Return the interfaces of dedicated servers in a vRack, with their servers, in one call."""
    items = api.get(f"/vrack/{vrack_id}/dedicatedServerInterfaceDetails")
    return tuple(
        AttachedInterface(item["dedicatedServer"], item["dedicatedServerInterface"], item.get("name") or "")
        for item in items
    )


def attach_interface(api: OvhApi, vrack_id: str, uuid: str) -> VrackTask:
    """Attach a dedicated server's virtual network interface of the mode "vrack"."""
    return _attach(api, vrack_id, "dedicatedServerInterface", "dedicatedServerInterface", uuid)


def detach_interface(api: OvhApi, vrack_id: str, uuid: str) -> VrackTask:
    """Detach a dedicated server's interface."""
    return _detach(api, vrack_id, "dedicatedServerInterface", uuid)


def list_ip_load_balancers(api: OvhApi, vrack_id: str) -> tuple[str, ...]:
    """Return the names of the IP Load Balancers in a vRack."""
    return _members(api, vrack_id, "ipLoadbalancing")


def attach_ip_load_balancer(api: OvhApi, vrack_id: str, name: str) -> VrackTask:
    """Attach an IP Load Balancer."""
    return _attach(api, vrack_id, "ipLoadbalancing", "ipLoadbalancing", name)


def detach_ip_load_balancer(api: OvhApi, vrack_id: str, name: str) -> VrackTask:
    """Detach an IP Load Balancer."""
    return _detach(api, vrack_id, "ipLoadbalancing", name)


def is_task_done(api: OvhApi, task: VrackTask) -> bool:
    """
    Whether a task is done.

    Raises:
        OvhError: it was cancelled.
    """
    path = f"/vrack/{task.vrack_id}/task/{task.id}"
    try:
        status = _task(task.vrack_id, api.get(path)).status
    except OvhNotFound:
        return True
    if status == CANCELLED:
        raise OvhError(
            f"vRack {task.vrack_id}: task {task.id} ({task.function}) was cancelled",
            method="GET",
            path=path,
            cause="OVH gave it up",
            next_step="look at the vRack in the OVH manager, then run the command again",
        )
    return status == DONE


def _members(api: OvhApi, vrack_id: str, family: str) -> tuple[str, ...]:
    return tuple(str(item) for item in api.get(f"/vrack/{vrack_id}/{family}"))


def _attach(api: OvhApi, vrack_id: str, family: str, field: str, member: str) -> VrackTask:
    return _task(vrack_id, api.post(f"/vrack/{vrack_id}/{family}", {field: member}))


def _detach(api: OvhApi, vrack_id: str, family: str, member: str) -> VrackTask:
    return _task(vrack_id, api.delete(f"/vrack/{vrack_id}/{family}/{quote(member, safe='')}"))


def _task(vrack_id: str, item: dict[str, Any]) -> VrackTask:
    return VrackTask(int(item["id"]), vrack_id, item.get("function") or "", item["status"])
