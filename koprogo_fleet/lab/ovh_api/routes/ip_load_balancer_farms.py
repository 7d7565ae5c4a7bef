"""
Farms of the classic IP Load Balancer, for TCP and HTTP.

A PUT replaces the whole object: what it does not name is reset; what cannot be written is ignored.
"""

from __future__ import annotations

from typing import Any

from koprogo_fleet.lab.ovh_api.calls import Call, Route, checked
from koprogo_fleet.lab.ovh_api.errors import bad_request, conflict
from koprogo_fleet.lab.ovh_api.routes.ip_load_balancers import (
    changed,
    check_zone,
    find_part,
    find_service,
    with_defaults,
)
from koprogo_fleet.lab.ovh_api.state import Record, next_number

_BALANCE = {
    "tcp": ("first", "leastconn", "roundrobin", "source"),
    "http": ("first", "leastconn", "roundrobin", "source", "uri"),
}
_STICKINESS = {"tcp": ("sourceIp",), "http": ("sourceIp", "cookie")}
_PROBE = {
    "type": str,
    "port": int,
    "interval": int,
    "url": str,
    "method": str,
    "match": str,
    "pattern": str,
    "negate": bool,
    "forceSsl": bool,
}
_PROBE_TYPES = ("http", "tcp", "mysql", "pgsql", "smtp", "oco", "internal")
_FARM = {"balance": str, "displayName": str, "port": int, "probe": dict, "stickiness": str, "vrackNetworkId": int}


def _farm_shape(farm: Record) -> dict[str, Any]:
    return {"farmId": farm["id"], "zone": farm["zone"], **farm["fields"]}


def _farm_fields(service: Record, kind: str, body: Record) -> Record:
    if body.get("balance", "roundrobin") not in _BALANCE[kind]:
        raise bad_request(f"Invalid balance {body['balance']}")
    if body.get("stickiness", "sourceIp") not in _STICKINESS[kind]:
        raise bad_request(f"Invalid stickiness {body['stickiness']}")
    network_id = body.get("vrackNetworkId")
    if network_id is not None and str(network_id) not in service["networks"]:
        raise bad_request(f"Network {network_id} not found")
    fields = with_defaults(_FARM, body)
    if fields["probe"] is not None:
        probe = checked(fields["probe"], {}, _PROBE)
        if probe.get("type", "tcp") not in _PROBE_TYPES:
            raise bad_request(f"Invalid probe type {probe['type']}")
        fields["probe"] = {name: probe.get(name) for name in _PROBE}
    return fields


def _farms(call: Call, service_name: str, kind: str) -> Any:
    with call.state.look() as data:
        farms = [farm for farm in find_service(data, service_name)["farms"].values() if farm["kind"] == kind]
        if "zone" in call.query:
            farms = [farm for farm in farms if farm["zone"] == call.query["zone"]]
        if "vrackNetworkId" in call.query:
            farms = [farm for farm in farms if str(farm["fields"]["vrackNetworkId"]) == call.query["vrackNetworkId"]]
        return [farm["id"] for farm in farms]


def _create_farm(call: Call, service_name: str, kind: str) -> Any:
    body = call.fields({"zone": str}, _FARM)
    with call.state.change() as data:
        service = find_service(data, service_name)
        check_zone(service, body["zone"])
        fields = _farm_fields(service, kind, body)
        farm = {"id": next_number(data), "kind": kind, "zone": body["zone"], "fields": fields}
        service["farms"][str(farm["id"])] = farm
        changed(service, farm["zone"])
        return _farm_shape(farm)


def _get_farm(call: Call, service_name: str, kind: str, farm_id: int) -> Any:
    with call.state.look() as data:
        return _farm_shape(find_part(find_service(data, service_name), "farms", kind, farm_id))


def _change_farm(call: Call, service_name: str, kind: str, farm_id: int) -> None:
    body = call.fields({}, {**_FARM, "zone": str, "farmId": int})
    with call.state.change() as data:
        service = find_service(data, service_name)
        farm = find_part(service, "farms", kind, farm_id)
        farm["fields"] = _farm_fields(service, kind, body)
        changed(service, farm["zone"])


def _delete_farm(call: Call, service_name: str, kind: str, farm_id: int) -> None:
    with call.state.change() as data:
        service = find_service(data, service_name)
        farm = find_part(service, "farms", kind, farm_id)
        if any(item["fields"]["defaultFarmId"] == farm_id for item in service["frontends"].values()):
            raise conflict(f"Farm {farm_id} is used by a frontend")
        del service["farms"][str(farm_id)]
        for key in [key for key, server in service["servers"].items() if server["farm_id"] == farm_id]:
            del service["servers"][key]
        changed(service, farm["zone"])


_KIND = "/ipLoadbalancing/<service_name>/<any(tcp,http):kind>"
_FARM_PATH = f"{_KIND}/farm/<int:farm_id>"
ROUTES = (
    Route("GET", f"{_KIND}/farm", _farms),
    Route("POST", f"{_KIND}/farm", _create_farm),
    Route("GET", _FARM_PATH, _get_farm),
    Route("PUT", _FARM_PATH, _change_farm),
    Route("DELETE", _FARM_PATH, _delete_farm),
)
