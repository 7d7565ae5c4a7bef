"""The parts of an Octavia load balancer: listeners and pools, and what all parts have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from koprogo_fleet.lab.ovh_api import octavia, octavia_parts
from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import bad_request, conflict, not_found
from koprogo_fleet.lab.ovh_api.routes import load_balancer_shapes as shapes
from koprogo_fleet.lab.ovh_api.routes.catalogue import check_region
from koprogo_fleet.lab.ovh_api.state import Record

_LISTENER = {
    "defaultPoolId": str,
    "description": str,
    "allowedCidrs": list,
    "certificateId": str,
    "timeoutClientData": int,
    "timeoutMemberData": int,
    "tlsVersions": list,
}
_EDIT_LISTENER = {"name": str, "description": str, "defaultPoolId": str, "allowedCidrs": list, "certificateId": str}


_SHAPES: dict[str, Callable[[Record, Record], dict[str, Any]]] = {
    "listeners": shapes.listener,
    "pools": shapes.pool,
    "health_monitors": shapes.monitor,
}
_NAMES = {"listener": "listeners", "pool": "pools", "healthMonitor": "health_monitors"}


def _list(call: Call, region: str, noun: str) -> Any:
    check_region(region)
    collection = _NAMES[noun]
    key, name = ("pool_id", "poolId") if noun == "healthMonitor" else ("balancer_id", "loadbalancerId")
    wanted = call.query.get(name)
    with call.state.look() as data:
        items = (item for item in data[collection].values() if item["region"] == region)
        return [_SHAPES[collection](data, item) for item in items if wanted in (None, item[key])]


def _get(call: Call, region: str, noun: str, key: str) -> Any:
    with call.state.look() as data:
        return _SHAPES[_NAMES[noun]](data, octavia.find(data, _NAMES[noun], noun.capitalize(), region, key))


def _delete(call: Call, region: str, noun: str, key: str) -> None:
    with call.state.change() as data:
        item = octavia.find(data, _NAMES[noun], noun.capitalize(), region, key)
        octavia.change(call, data, item["balancer_id"])
        item["status"] = "deleting"
        if noun == "pool":  # what is in it goes with it; a listener that led to it leads nowhere
            for part in (*data["members"].values(), *data["health_monitors"].values()):
                part["status"] = "deleting" if part["pool_id"] == key else part["status"]
            for listener in data["listeners"].values():
                listener["default_pool_id"] = (
                    None if listener["default_pool_id"] == key else listener["default_pool_id"]
                )


def _create_listener(call: Call, region: str) -> Any:
    check_region(region)
    body = call.fields({"loadbalancerId": str, "name": str, "port": int, "protocol": str}, _LISTENER)
    with call.state.change() as data:
        balancer = octavia.find(data, "load_balancers", "Load balancer", region, body["loadbalancerId"])
        octavia.change(call, data, balancer["id"])
        pool = _own_pool(data, balancer["id"], body.get("defaultPoolId"))
        return shapes.listener(data, octavia_parts.new_listener(data, balancer, body, pool))


def _change_listener(call: Call, region: str, key: str) -> Any:
    body = call.fields({}, _EDIT_LISTENER)
    with call.state.change() as data:
        item = octavia.find(data, "listeners", "Listener", region, key)
        octavia.change(call, data, item["balancer_id"])
        if "defaultPoolId" in body:
            pool = _own_pool(data, item["balancer_id"], body["defaultPoolId"])
            octavia_parts.check_pool(item["protocol"], pool)
        names = {"defaultPoolId": "default_pool_id", "allowedCidrs": "allowed_cidrs", "certificateId": "certificate_id"}
        item.update({names.get(name, name): value for name, value in body.items()}, status="updating")
        return shapes.listener(data, item)


def _own_pool(data: Record, balancer_id: str, pool_id: str | None) -> Record | None:
    if pool_id is None:
        return None
    pool: Record | None = data["pools"].get(pool_id)
    if pool is None or pool["balancer_id"] != balancer_id:
        raise not_found("Pool")
    return pool


def _create_pool(call: Call, region: str) -> Any:
    check_region(region)
    optional = {"loadbalancerId": str, "listenerId": str, "name": str, "sessionPersistence": dict}
    body = call.fields({"protocol": str, "algorithm": str}, optional)
    with call.state.change() as data:
        listener = None
        if "listenerId" in body:
            listener = octavia.find(data, "listeners", "Listener", region, body["listenerId"])
            if listener["default_pool_id"] is not None:
                raise conflict(f"Listener {listener['id']} already has a default pool")
        if listener is None and "loadbalancerId" not in body:
            raise bad_request("Missing parameter loadbalancerId or listenerId")
        balancer_id = listener["balancer_id"] if listener else body["loadbalancerId"]
        balancer = octavia.find(data, "load_balancers", "Load balancer", region, balancer_id)
        octavia.change(call, data, balancer_id)
        pool = octavia_parts.new_pool(data, balancer, body)
        if listener is not None:
            octavia_parts.check_pool(listener["protocol"], pool)
            listener["default_pool_id"] = pool["id"]
        return shapes.pool(data, pool)


def _change_pool(call: Call, region: str, key: str) -> Any:
    body = call.fields({}, {"name": str, "algorithm": str, "sessionPersistence": dict})
    if body.get("algorithm", "roundRobin") not in octavia_parts.ALGORITHMS:
        raise bad_request(f"Invalid pool algorithm {body['algorithm']}")
    with call.state.change() as data:
        item = octavia.find(data, "pools", "Pool", region, key)
        octavia.change(call, data, item["balancer_id"])
        names = {"sessionPersistence": "persistence"}
        item.update({names.get(name, name): value for name, value in body.items()}, status="updating")
        return shapes.pool(data, item)


_PATH = "/region/<region>/loadbalancing"
_PART = f"{_PATH}/<any(listener,pool,healthMonitor):noun>"
ROUTES = (
    Route("GET", _PART, _list),
    Route("GET", f"{_PART}/<key>", _get),
    Route("DELETE", f"{_PART}/<key>", _delete),
    Route("POST", f"{_PATH}/listener", _create_listener),
    Route("PUT", f"{_PATH}/listener/<key>", _change_listener),
    Route("POST", f"{_PATH}/pool", _create_pool),
    Route("PUT", f"{_PATH}/pool/<key>", _change_pool),
)
