"""Frontends of the classic IP Load Balancer, for TCP and HTTP."""

from __future__ import annotations

from typing import Any

from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import bad_request, conflict
from koprogo_fleet.lab.ovh_api.routes.ip_load_balancers import (
    changed,
    check_zone,
    find_part,
    find_service,
    with_defaults,
)
from koprogo_fleet.lab.ovh_api.state import Record, next_number

_FRONTEND = {
    "port": str,
    "defaultFarmId": int,
    "defaultSslId": int,
    "ssl": bool,
    "disabled": bool,
    "displayName": str,
    "allowedSource": list,
    "deniedSource": list,
    "dedicatedIpfo": list,
}
_HTTP_FRONTEND = {"hsts": bool, "httpHeader": list, "redirectLocation": str}


def _frontend_fields(kind: str) -> dict[str, type]:
    return {**_FRONTEND, **(_HTTP_FRONTEND if kind == "http" else {})}


def _frontend_shape(frontend: Record) -> dict[str, Any]:
    places = {"vrackNetworkId": None, "vrackVrouterId": None}
    return {"frontendId": frontend["id"], "zone": frontend["zone"], **places, **frontend["fields"]}


def _check_frontend(service: Record, kind: str, body: Record, own_id: int | None = None) -> None:
    if "allowedSource" in body and "deniedSource" in body:
        raise bad_request("You cannot specify allowedSource and deniedSource both at the same time")
    if "defaultFarmId" in body:
        farm = service["farms"].get(str(body["defaultFarmId"]))
        if farm is None or farm["kind"] != kind:
            raise bad_request(f"Farm {body['defaultFarmId']} not found")
    for other in service["frontends"].values():
        if other["id"] != own_id and (other["zone"], other["fields"]["port"]) == (body["zone"], body["port"]):
            raise conflict(f"Port {body['port']} is already used by frontend {other['id']}")


def _frontends(call: Call, service_name: str, kind: str) -> Any:
    with call.state.look() as data:
        items = [item for item in find_service(data, service_name)["frontends"].values() if item["kind"] == kind]
        if "zone" in call.query:
            items = [item for item in items if item["zone"] == call.query["zone"]]
        for field in ("port", "defaultFarmId", "defaultSslId"):
            if field in call.query:
                items = [item for item in items if str(item["fields"][field]) == call.query[field]]
        return [item["id"] for item in items]


def _create_frontend(call: Call, service_name: str, kind: str) -> Any:
    body = call.fields({"zone": str, "port": str}, _frontend_fields(kind))
    with call.state.change() as data:
        service = find_service(data, service_name)
        check_zone(service, body["zone"])
        _check_frontend(service, kind, body)
        fields = with_defaults(_frontend_fields(kind), body)
        frontend = {"id": next_number(data), "kind": kind, "zone": body["zone"], "fields": fields}
        service["frontends"][str(frontend["id"])] = frontend
        changed(service, frontend["zone"])
        return _frontend_shape(frontend)


def _get_frontend(call: Call, service_name: str, kind: str, frontend_id: int) -> Any:
    with call.state.look() as data:
        return _frontend_shape(find_part(find_service(data, service_name), "frontends", kind, frontend_id))


def _change_frontend(call: Call, service_name: str, kind: str, frontend_id: int) -> None:
    read_only = {"frontendId": int, "vrackNetworkId": int, "vrackVrouterId": int}
    body = call.fields({"port": str, "zone": str}, {**_frontend_fields(kind), **read_only})
    with call.state.change() as data:
        service = find_service(data, service_name)
        frontend = find_part(service, "frontends", kind, frontend_id)
        check_zone(service, body["zone"])
        _check_frontend(service, kind, body, frontend_id)
        changed(service, frontend["zone"])
        frontend.update(zone=body["zone"], fields=with_defaults(_frontend_fields(kind), body))


def _delete_frontend(call: Call, service_name: str, kind: str, frontend_id: int) -> None:
    with call.state.change() as data:
        service = find_service(data, service_name)
        frontend = find_part(service, "frontends", kind, frontend_id)
        del service["frontends"][str(frontend_id)]
        changed(service, frontend["zone"])


_PATH = "/ipLoadbalancing/<service_name>/<any(tcp,http):kind>/frontend"
_FRONTEND_PATH = f"{_PATH}/<int:frontend_id>"
ROUTES = (
    Route("GET", _PATH, _frontends),
    Route("POST", _PATH, _create_frontend),
    Route("GET", _FRONTEND_PATH, _get_frontend),
    Route("PUT", _FRONTEND_PATH, _change_frontend),
    Route("DELETE", _FRONTEND_PATH, _delete_frontend),
)
