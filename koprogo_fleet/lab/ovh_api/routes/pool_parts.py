"""The parts of an Octavia load balancer's pool: members and the health monitor."""

from __future__ import annotations

from typing import Any

from koprogo_fleet.lab.ovh_api import octavia, octavia_parts
from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import not_found
from koprogo_fleet.lab.ovh_api.routes import load_balancer_shapes as shapes
from koprogo_fleet.lab.ovh_api.routes.catalogue import check_region
from koprogo_fleet.lab.ovh_api.routes.load_balancers import MONITOR, MONITOR_OPTIONAL
from koprogo_fleet.lab.ovh_api.state import Record

_EDIT_MONITOR = {"name": str, "delay": int, "timeout": int, "maxRetries": int, **MONITOR_OPTIONAL}


def _members(call: Call, region: str, pool_id: str) -> Any:
    with call.state.look() as data:
        octavia.find(data, "pools", "Pool", region, pool_id)
        return [shapes.member(data, item) for item in data["members"].values() if item["pool_id"] == pool_id]


def _create_members(call: Call, region: str, pool_id: str) -> Any:
    body = call.fields({"members": list})
    with call.state.change() as data:
        pool = octavia.find(data, "pools", "Pool", region, pool_id)
        octavia.change(call, data, pool["balancer_id"])
        return [shapes.member(data, octavia_parts.new_member(data, pool, wanted)) for wanted in body["members"]]


def _get_member(call: Call, region: str, pool_id: str, key: str) -> Any:
    with call.state.look() as data:
        return shapes.member(data, _find_member(data, region, pool_id, key))


def _change_member(call: Call, region: str, pool_id: str, key: str) -> Any:
    body = call.fields({}, {"name": str, "weight": int})
    octavia_parts.check_weight(body.get("weight", 1))
    with call.state.change() as data:
        item = _find_member(data, region, pool_id, key)
        octavia.change(call, data, item["balancer_id"])
        item.update(body, status="updating")
        return shapes.member(data, item)


def _delete_member(call: Call, region: str, pool_id: str, key: str) -> None:
    with call.state.change() as data:
        item = _find_member(data, region, pool_id, key)
        octavia.change(call, data, item["balancer_id"])
        item["status"] = "deleting"


def _find_member(data: Record, region: str, pool_id: str, key: str) -> Record:
    member = octavia.find(data, "members", "Member", region, key)
    if member["pool_id"] != pool_id:
        raise not_found("Member")
    return member


def _create_monitor(call: Call, region: str) -> Any:
    check_region(region)
    body = call.fields({"poolId": str, **MONITOR}, MONITOR_OPTIONAL)
    with call.state.change() as data:
        pool = octavia.find(data, "pools", "Pool", region, body["poolId"])
        octavia.change(call, data, pool["balancer_id"])
        return shapes.monitor(data, octavia_parts.new_monitor(data, pool, body))


def _change_monitor(call: Call, region: str, key: str) -> Any:
    body = call.fields({}, _EDIT_MONITOR)
    with call.state.change() as data:
        item = octavia.find(data, "health_monitors", "Health monitor", region, key)
        times = {**item, **body}
        octavia_parts.check_times(times["delay"], times["timeout"])
        octavia.change(call, data, item["balancer_id"])
        if "httpConfiguration" in body:
            item["http"] = octavia_parts.http_check(item["type"], body.pop("httpConfiguration"))
        names = {"maxRetries": "retries", "maxRetriesDown": "retries_down"}
        item.update({names.get(name, name): value for name, value in body.items()}, status="updating")
        return shapes.monitor(data, item)


_PATH = "/region/<region>/loadbalancing"
_MEMBER = f"{_PATH}/pool/<pool_id>/member"
ROUTES = (
    Route("GET", _MEMBER, _members),
    Route("POST", _MEMBER, _create_members),
    Route("GET", f"{_MEMBER}/<key>", _get_member),
    Route("PUT", f"{_MEMBER}/<key>", _change_member),
    Route("DELETE", f"{_MEMBER}/<key>", _delete_member),
    Route("POST", f"{_PATH}/healthMonitor", _create_monitor),
    Route("PUT", f"{_PATH}/healthMonitor/<key>", _change_monitor),
)
