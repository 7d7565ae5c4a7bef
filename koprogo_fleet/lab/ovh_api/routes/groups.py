"""Instance groups."""

from __future__ import annotations

import uuid
from typing import Any

from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import bad_request, not_found
from koprogo_fleet.lab.ovh_api.routes.catalogue import check_region, chosen_regions


def _list(call: Call) -> Any:
    regions = chosen_regions(call)
    with call.state.look() as data:
        return [_shape(group) for group in data["groups"].values() if group["region"] in regions]


def _shape(group: dict[str, Any]) -> dict[str, Any]:
    return {**group, "instance_ids": list(group["instance_ids"])}


def _create(call: Call) -> Any:
    body = call.fields({"name": str, "region": str, "type": str})
    check_region(body["region"])
    if body["type"] not in ("affinity", "anti-affinity"):
        raise bad_request(f"Invalid type {body['type']}")
    group = {"id": str(uuid.uuid4()), **body, "instance_ids": []}
    with call.state.change() as data:
        data["groups"][group["id"]] = group
    return _shape(group)


def _get(call: Call, group_id: str) -> Any:
    with call.state.look() as data:
        if group_id not in data["groups"]:
            raise not_found("Instance group")
        return _shape(data["groups"][group_id])


def _delete(call: Call, group_id: str) -> None:
    with call.state.change() as data:
        if data["groups"].pop(group_id, None) is None:
            raise not_found("Instance group")


ROUTES = (
    Route("GET", "/instance/group", _list),
    Route("POST", "/instance/group", _create),
    Route("GET", "/instance/group/<group_id>", _get),
    Route("DELETE", "/instance/group/<group_id>", _delete),
)
