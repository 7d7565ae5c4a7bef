"""
vRacks: what is in them, and the tasks that put it there. A task that is done is purged: asking for it gives 404.

What a task's ``function`` is called at OVH is not published; the names here are the lab's.
"""

from __future__ import annotations

from typing import Any

from koprogo_fleet.lab.ovh_api import jobs
from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import bad_request, conflict, not_found
from koprogo_fleet.lab.ovh_api.state import Record

_VRACK_KIND = {
    "cloudProject": "project",
    "dedicatedServer": "dedicatedServer",
    "dedicatedServerInterface": "dedicatedServerInterface",
    "ipLoadbalancing": "ipLoadbalancing",
}
"""The families of what can be in a vRack, and what OVH calls one of them in its bodies."""

_FAMILIES_OF_OTHERS = (
    "dedicatedCloud",
    "dedicatedCloudDatacenter",
    "dedicatedConnect",
    "ip",
    "ipv6",
    "legacyVrack",
    "ovhCloudConnect",
    "vmwareCloudDirectorVirtualDataCenter",
    "vrackServices",
)
_STATUS = {jobs.WAITING: "doing", jobs.FAILED: "cancelled"}


def _task_shape(job: Record) -> dict[str, Any]:
    """Return a task of a vRack, as it is answered and found while it is under way."""
    return {
        "id": int(job["id"]),
        "function": job["action"],
        "status": _STATUS[job["status"]],
        "serviceName": job["owner"],
        "targetDomain": job["arguments"]["member"],
        "orderId": None,
        "todoDate": jobs.moment(job["created"]),
        "lastUpdate": jobs.moment(job["finished"] or job["created"]),
    }


def _shape(vrack: Record) -> dict[str, Any]:
    urn = {"id": vrack["id"], "urn": f"urn:v1:eu:resource:vrack:{vrack['id']}", "displayName": vrack["name"]}
    return {"serviceName": vrack["id"], "name": vrack["name"], "description": vrack["description"], "iam": urn}


def _list(call: Call) -> Any:
    with call.state.look() as data:
        return list(data["vracks"])


def _get(call: Call, vrack_id: str) -> Any:
    with call.state.look() as data:
        return _shape(_vrack(data, vrack_id))


def _change(call: Call, vrack_id: str) -> None:
    body = call.fields({}, {"name": str, "description": str})
    with call.state.change() as data:
        _vrack(data, vrack_id).update(body)


def _members(call: Call, vrack_id: str, family: str) -> Any:
    with call.state.look() as data:
        return list(_vrack(data, vrack_id)["members"][family])


def _member(call: Call, vrack_id: str, family: str, member: str) -> Any:
    with call.state.look() as data:
        if member not in _vrack(data, vrack_id)["members"][family]:
            raise not_found(f"{_VRACK_KIND[family]} {member}")
    return {_VRACK_KIND[family]: member, "vrack": vrack_id}


def _attach(call: Call, vrack_id: str, family: str) -> Any:
    name = _VRACK_KIND[family]
    member = call.fields({name: str})[name]
    with call.state.change() as data:
        _vrack(data, vrack_id)
        if member not in _owned(call, data)[family]:
            raise bad_request(f"This {name} does not exist: {member}")
        for vrack in data["vracks"].values():
            if member in vrack["members"][family]:
                raise conflict(f"{member} is already attached to vRack {vrack['id']}")
        return _start(call, data, "vrack#attach", vrack_id=vrack_id, family=family, member=member)


def _detach(call: Call, vrack_id: str, family: str, member: str) -> Any:
    with call.state.change() as data:
        if member not in _vrack(data, vrack_id)["members"][family]:
            raise not_found(f"{_VRACK_KIND[family]} {member}")
        return _start(call, data, "vrack#detach", vrack_id=vrack_id, family=family, member=member)


def _start(call: Call, data: Record, action: str, **arguments: str) -> Any:
    for job in jobs.of(data, jobs.VRACK):
        if (job["arguments"]["member"], job["status"]) == (arguments["member"], jobs.WAITING):
            raise conflict(f"Task {job['id']} is already pending for {arguments['member']}")
    return _task_shape(jobs.start(call, data, jobs.VRACK, action, arguments, owner=arguments["vrack_id"]))


def _owned(call: Call, data: Record) -> dict[str, list[str]]:
    """Return what could be in a vRack, by family. A server with virtual network interfaces is attached by these."""
    servers = data["dedicated_servers"].values()
    return {
        "cloudProject": [call.state.keys.project_id],
        "dedicatedServer": [server["name"] for server in servers if server["is_legacy"]],
        "dedicatedServerInterface": [
            interface["uuid"]
            for server in servers
            for interface in server["interfaces"]
            if interface["mode"] == "vrack" and not server["is_legacy"]
        ],
        "ipLoadbalancing": list(data["ip_load_balancers"]),
    }


def _named(data: Record, uuids: list[str]) -> list[dict[str, str]]:
    return [
        {"dedicatedServer": server["name"], "dedicatedServerInterface": item["uuid"], "name": item["name"]}
        for server in data["dedicated_servers"].values()
        for item in server["interfaces"]
        if item["uuid"] in uuids
    ]


def _details(call: Call, vrack_id: str) -> Any:
    with call.state.look() as data:
        return _named(data, _vrack(data, vrack_id)["members"]["dedicatedServerInterface"])


def _allowed(call: Call, vrack_id: str) -> Any:
    with call.state.look() as data:
        _vrack(data, vrack_id)
        taken = {member for vrack in data["vracks"].values() for group in vrack["members"].values() for member in group}
        free = {name: [item for item in group if item not in taken] for name, group in _owned(call, data).items()}
        named = _named(data, free["dedicatedServerInterface"])
    others: dict[str, list[Any]] = {family: [] for family in _FAMILIES_OF_OTHERS}
    return {**others, **free, "dedicatedServerInterface": named}


def _tasks(call: Call, vrack_id: str) -> Any:
    with call.state.look() as data:
        _vrack(data, vrack_id)
        return [int(job["id"]) for job in jobs.of(data, jobs.VRACK, vrack_id)]


def _task(call: Call, vrack_id: str, task_id: int) -> Any:
    with call.state.look() as data:
        for job in jobs.of(data, jobs.VRACK, vrack_id):
            if job["id"] == str(task_id):
                return _task_shape(job)
    raise not_found("Task")


def _vrack(data: Record, vrack_id: str) -> Record:
    vrack: Record | None = data["vracks"].get(vrack_id)
    if vrack is None:
        raise not_found("vRack")
    return vrack


def _attached(data: Record, job: Record) -> None:
    if not jobs.failed(job):
        _put(data, job["arguments"], is_in=True)


def _detached(data: Record, job: Record) -> None:
    if not jobs.failed(job):
        _put(data, job["arguments"], is_in=False)


def _put(data: Record, arguments: Record, *, is_in: bool) -> None:
    family, member = arguments["family"], arguments["member"]
    members = data["vracks"][arguments["vrack_id"]]["members"][family]
    if is_in and member not in members:
        members.append(member)
    elif not is_in and member in members:
        members.remove(member)
    vrack = arguments["vrack_id"] if is_in else None
    for server in data["dedicated_servers"].values():
        for interface in server["interfaces"]:
            if member == interface["uuid"] or (member == server["name"] and interface["mode"] == "vrack"):
                interface["vrack"] = vrack
    if family == "ipLoadbalancing":
        data["ip_load_balancers"][member]["vrack"] = vrack


EFFECTS = {"vrack#attach": _attached, "vrack#detach": _detached}
_FAMILY = "/vrack/<vrack_id>/<any(cloudProject,dedicatedServer,dedicatedServerInterface,ipLoadbalancing):family>"
ROUTES = (
    Route("GET", "/vrack", _list),
    Route("GET", "/vrack/<vrack_id>", _get),
    Route("PUT", "/vrack/<vrack_id>", _change),
    Route("GET", _FAMILY, _members),
    Route("POST", _FAMILY, _attach),
    Route("GET", f"{_FAMILY}/<member>", _member),
    Route("DELETE", f"{_FAMILY}/<member>", _detach),
    Route("GET", "/vrack/<vrack_id>/dedicatedServerInterfaceDetails", _details),
    Route("GET", "/vrack/<vrack_id>/allowedServices", _allowed),
    Route("GET", "/vrack/<vrack_id>/task", _tasks),
    Route("GET", "/vrack/<vrack_id>/task/<int:task_id>", _task),
)
