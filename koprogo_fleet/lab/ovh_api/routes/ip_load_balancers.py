"""
The classic IP Load Balancer: the service, its zones, and ``refresh``.

What is configured and what is in force are two things: a record's ``live`` holds, for each zone, what the last refresh
took over from ``farms``, ``servers`` and ``frontends``.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from koprogo_fleet.lab.ovh_api import jobs
from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import bad_request, not_found
from koprogo_fleet.lab.ovh_api.state import Record

ALL = "all"
_EMPTY: dict[type, Any] = {bool: False, list: []}  # what a field of this type is when it is not given; else null
_STATUS = {jobs.WAITING: "doing", jobs.DONE: "done", jobs.FAILED: "error"}


def find_service(data: Record, name: str) -> Record:
    """
    Return an IP Load Balancer.

    Raises:
        ApiError: 404, there is none.
    """
    service: Record | None = data["ip_load_balancers"].get(name)
    if service is None:
        raise not_found("IP Load Balancer")
    return service


def find_part(service: Record, collection: str, kind: str, key: int) -> Record:
    """
    Return a farm, server or frontend of a service.

    Raises:
        ApiError: 404, there is none of this kind (TCP or HTTP).
    """
    record: Record | None = service[collection].get(str(key))
    if record is None or record["kind"] != kind:
        raise not_found(collection.removesuffix("s").capitalize())
    return record


def with_defaults(fields: dict[str, type], given: Record) -> Record:
    """Return all the *fields*: as given, else empty."""
    return {name: given.get(name, _EMPTY.get(kind)) for name, kind in fields.items()}


def changed(service: Record, zone: str) -> None:
    """Count a change of the configuration that waits for a refresh."""
    for place in service["zones"] if zone == ALL else [zone]:
        service["pending"][place] += 1


def check_zone(service: Record, zone: str) -> None:
    """
    Refuse a zone that the service does not have.

    Raises:
        ApiError: 400.
    """
    if zone not in (ALL, *service["zones"]):
        raise bad_request(f"Zone {zone} is not a zone of this IP Load Balancer")


def _shape(service: Record) -> dict[str, Any]:
    name = service["name"]
    return {
        "serviceName": name,
        "displayName": service["display_name"],
        "offer": "lb1",
        "state": "ok",
        "ipLoadbalancing": service["ipv4"],
        "ipv4": service["ipv4"],
        "ipv6": None,
        "zone": list(service["zones"]),
        "orderableZone": [],
        "vrackEligibility": True,
        "vrackName": service["vrack"],
        "sslConfiguration": None,
        "metricsToken": None,
        "iam": {"id": name, "urn": f"urn:v1:eu:resource:ipLoadbalancing:{name}", "displayName": name},
    }


def _list(call: Call) -> Any:
    with call.state.look() as data:
        return list(data["ip_load_balancers"])


def _get(call: Call, service_name: str) -> Any:
    with call.state.look() as data:
        return _shape(find_service(data, service_name))


def _change(call: Call, service_name: str) -> None:
    body = call.fields({}, {"displayName": str, "sslConfiguration": str})
    with call.state.change() as data:
        find_service(data, service_name)["display_name"] = body.get("displayName")


def _zones(call: Call, service_name: str) -> Any:
    with call.state.look() as data:
        return list(find_service(data, service_name)["zones"])


def _nat_ips(call: Call, service_name: str) -> Any:
    with call.state.look() as data:
        return [{"zone": zone, "ip": ["10.108.0.0/14"]} for zone in find_service(data, service_name)["zones"]]


def _pending(call: Call, service_name: str) -> Any:
    with call.state.look() as data:
        pending = find_service(data, service_name)["pending"]
        return [{"zone": zone, "number": number} for zone, number in pending.items() if number]


def _refresh(call: Call, service_name: str) -> Any:
    body = call.fields({}, {"zone": str}) if call.body is not None else {}
    with call.state.change() as data:
        service = find_service(data, service_name)
        zone = body.get("zone", ALL)
        check_zone(service, zone)
        zones = service["zones"] if zone == ALL else [zone]
        kind, arguments = jobs.IP_LOAD_BALANCER, {"zones": list(zones)}
        return _task_shape(jobs.start(call, data, kind, "refreshIplb", arguments, owner=service_name))


def _task_shape(job: Record) -> dict[str, Any]:
    return {
        "id": int(job["id"]),
        "action": job["action"],
        "status": _STATUS[job["status"]],
        "progress": 100 if job["status"] == jobs.DONE else 0,
        "zones": job["arguments"]["zones"],
        "creationDate": jobs.moment(job["created"]),
        "doneDate": jobs.moment(job["finished"]),
    }


def _tasks(call: Call, service_name: str) -> Any:
    with call.state.look() as data:
        find_service(data, service_name)
        shapes = [_task_shape(job) for job in jobs.of(data, jobs.IP_LOAD_BALANCER, service_name)]
    for field in ("action", "status"):
        if field in call.query:
            shapes = [shape for shape in shapes if shape[field] == call.query[field]]
    return [shape["id"] for shape in shapes]


def _task(call: Call, service_name: str, task_id: int) -> Any:
    with call.state.look() as data:
        for job in jobs.of(data, jobs.IP_LOAD_BALANCER, service_name):
            if job["id"] == str(task_id):
                return _task_shape(job)
    raise not_found("Task")


def _refreshed(data: Record, job: Record) -> None:
    service = data["ip_load_balancers"].get(job["owner"])
    if service is None or jobs.failed(job):
        return
    for zone in job["arguments"]["zones"]:
        farms = _in_zone(service["farms"].values(), zone)
        ids = {farm["id"] for farm in farms}
        servers = [server for server in service["servers"].values() if server["farm_id"] in ids]
        live = {"farms": farms, "servers": servers, "frontends": _in_zone(service["frontends"].values(), zone)}
        service["live"][zone] = copy.deepcopy(live)
        service["pending"][zone] = 0


def _in_zone(items: Iterable[Record], zone: str) -> list[Record]:
    return [item for item in items if item["zone"] in (ALL, zone)]


EFFECTS = {"refreshIplb": _refreshed}
_PATH = "/ipLoadbalancing/<service_name>"
ROUTES = (
    Route("GET", "/ipLoadbalancing", _list),
    Route("GET", _PATH, _get),
    Route("PUT", _PATH, _change),
    Route("GET", f"{_PATH}/zone", _zones),
    Route("GET", f"{_PATH}/natIp", _nat_ips),
    Route("GET", f"{_PATH}/pendingChanges", _pending),
    Route("POST", f"{_PATH}/refresh", _refresh),
    Route("GET", f"{_PATH}/task", _tasks),
    Route("GET", f"{_PATH}/task/<int:task_id>", _task),
)
