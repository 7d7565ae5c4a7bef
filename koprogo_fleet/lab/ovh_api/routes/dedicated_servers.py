"""Dedicated servers: what they are, their interfaces and MAC addresses, reboots and other tasks."""

from __future__ import annotations

from typing import Any

from koprogo_fleet.lab.ovh_api import jobs
from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import not_found
from koprogo_fleet.lab.ovh_api.state import Record

_STATUS = {jobs.WAITING: "doing", jobs.DONE: "done", jobs.FAILED: "ovhError"}
_LINK_TYPES = {"public": "public", "vrack": "private"}


def _shape(server: Record) -> dict[str, Any]:
    region = f"eu-west-{server['datacenter'].rstrip('0123456789')}"
    urn = f"urn:v1:eu:resource:dedicatedServer:{server['name']}"
    return {
        "name": server["name"],
        "ip": server["ip"],
        "reverse": f"{server['name']}.",
        "datacenter": server["datacenter"],
        "region": region,
        "availabilityZone": f"{region}-a",
        "rack": "G127A01",
        "os": "debian12_64",
        "state": "ok",
        "powerState": "poweron",
        "bootId": 1,
        "bootScript": None,
        "efiBootloaderPath": None,
        "rescueMail": None,
        "rescueSshKey": None,
        "rootDevice": None,
        "monitoring": False,
        "noIntervention": False,
        "linkSpeed": 1000,
        "serverId": server["server_id"],
        "supportLevel": "pro",
        "commercialRange": "ADVANCE-1",
        "professionalUse": False,
        "newUpgradeSystem": True,
        "iam": {"id": str(server["server_id"]), "urn": urn, "displayName": server["name"]},
    }


def _interface_shape(server: Record, interface: Record) -> dict[str, Any]:
    return {
        "uuid": interface["uuid"],
        "name": interface["name"],
        "mode": interface["mode"],
        "enabled": True,
        "networkInterfaceController": list(interface["macs"]),
        "serverName": server["name"],
        "vrack": interface["vrack"],
    }


def _list(call: Call) -> Any:
    with call.state.look() as data:
        return list(data["dedicated_servers"])


def _get(call: Call, name: str) -> Any:
    return _shape(_server(call, name))


def _ips(call: Call, name: str) -> Any:
    return [f"{_server(call, name)['ip']}/32"]


def _interfaces(call: Call, name: str) -> Any:
    server = _server(call, name)
    items = [item for item in server["interfaces"] if item["mode"] == "public" or not server["is_legacy"]]
    shapes = [_interface_shape(server, item) for item in items]
    for field in ("mode", "name", "vrack"):
        if field in call.query:
            shapes = [shape for shape in shapes if shape[field] == call.query[field]]
    return [shape["uuid"] for shape in shapes]


def _interface(call: Call, name: str, uuid: str) -> Any:
    server = _server(call, name)
    for interface in server["interfaces"]:
        if interface["uuid"] == uuid:
            return _interface_shape(server, interface)
    raise not_found("Virtual network interface")


def _controllers(call: Call, name: str) -> Any:
    wanted = call.query.get("linkType")
    return [
        mac
        for interface in _server(call, name)["interfaces"]
        for mac in interface["macs"]
        if wanted in (None, _LINK_TYPES[interface["mode"]])
    ]


def _controller(call: Call, name: str, mac: str) -> Any:
    for interface in _server(call, name)["interfaces"]:
        if mac.lower() in interface["macs"]:
            link = _LINK_TYPES[interface["mode"]]
            return {"mac": mac.lower(), "linkType": link, "virtualNetworkInterface": interface["uuid"]}
    raise not_found("Network interface controller")


def _vracks(call: Call, name: str) -> Any:
    return sorted({item["vrack"] for item in _server(call, name)["interfaces"] if item["vrack"]})


def _reboot(call: Call, name: str) -> Any:
    _server(call, name)
    with call.state.change() as data:
        return _task_shape(jobs.start(call, data, jobs.SERVER, "hardReboot", {}, owner=name))


def _task_shape(job: Record) -> dict[str, Any]:
    return {
        "taskId": int(job["id"]),
        "function": job["action"],
        "status": _STATUS[job["status"]],
        "comment": None,
        "startDate": jobs.moment(job["created"]),
        "doneDate": jobs.moment(job["finished"]),
        "lastUpdate": jobs.moment(job["finished"] or job["created"]),
        "needSchedule": False,
        "note": None,
        "plannedInterventionId": None,
        "tags": [],
        "ticketReference": None,
    }


def _tasks(call: Call, name: str) -> Any:
    _server(call, name)
    with call.state.look() as data:
        shapes = [_task_shape(job) for job in jobs.of(data, jobs.SERVER, name)]
    for field in ("function", "status"):
        if field in call.query:
            shapes = [shape for shape in shapes if shape[field] == call.query[field]]
    return [shape["taskId"] for shape in shapes]


def _task(call: Call, name: str, task_id: int) -> Any:
    with call.state.look() as data:
        for job in jobs.of(data, jobs.SERVER, name):
            if job["id"] == str(task_id):
                return _task_shape(job)
    raise not_found("Task")


def _server(call: Call, name: str) -> Record:
    with call.state.look() as data:
        server: Record | None = data["dedicated_servers"].get(name)
        if server is None:
            raise not_found("Server")
        return {**server, "interfaces": [dict(interface) for interface in server["interfaces"]]}


def _rebooted(_data: Record, _job: Record) -> None:
    """Change nothing: a dedicated server of the lab has no machine."""


EFFECTS = {"hardReboot": _rebooted}
_PATH = "/dedicated/server/<name>"
ROUTES = (
    Route("GET", "/dedicated/server", _list),
    Route("GET", _PATH, _get),
    Route("GET", f"{_PATH}/ips", _ips),
    Route("GET", f"{_PATH}/virtualNetworkInterface", _interfaces),
    Route("GET", f"{_PATH}/virtualNetworkInterface/<uuid>", _interface),
    Route("GET", f"{_PATH}/networkInterfaceController", _controllers),
    Route("GET", f"{_PATH}/networkInterfaceController/<mac>", _controller),
    Route("GET", f"{_PATH}/vrack", _vracks),
    Route("POST", f"{_PATH}/reboot", _reboot),
    Route("GET", f"{_PATH}/task", _tasks),
    Route("GET", f"{_PATH}/task/<int:task_id>", _task),
)
