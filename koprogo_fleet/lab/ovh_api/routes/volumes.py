"""Block volumes."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from koprogo_fleet.lab.ovh_api import catalogue
from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import bad_request, not_found
from koprogo_fleet.lab.ovh_api.routes.catalogue import check_region, chosen_regions
from koprogo_fleet.lab.ovh_api.state import Record


def _shape(record: Record) -> dict[str, Any]:
    return {
        "id": record["id"],
        "name": record["name"],
        "description": record["description"],
        "region": record["region"],
        "size": record["size"],
        "type": record["type"],
        "status": record["status"],
        "attachedTo": [record["attached_to"]] if record["attached_to"] else [],
        "bootable": False,
        "creationDate": record["created"],
        "planCode": f"volume.{record['type']}.consumption",
        "availabilityZone": None,
    }


def _list(call: Call) -> Any:
    regions = chosen_regions(call)
    with call.state.look() as data:
        return [_shape(record) for record in data["volumes"].values() if record["region"] in regions]


def _create(call: Call) -> Any:
    body = call.fields({"region": str, "size": int, "type": str}, {"name": str, "description": str})
    check_region(body["region"])
    if body["type"] not in catalogue.VOLUME_TYPES:
        raise bad_request(f"Invalid volume type {body['type']}")
    with call.state.change() as data:
        _check_room(data, body["region"], body["size"])
        record = {
            "id": str(uuid.uuid4()),
            "name": body.get("name", ""),
            "description": body.get("description", ""),
            "region": body["region"],
            "size": body["size"],
            "type": body["type"],
            "created": datetime.fromtimestamp(call.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "attached_to": None,
            "status": "creating",
            "task": "create",
        }
        data["volumes"][record["id"]] = record
        shape = _shape(record)
    call.lifecycle.begin("volumes", shape["id"])
    return shape


def _get(call: Call, volume_id: str) -> Any:
    with call.state.look() as data:
        return _shape(_record(data, volume_id))


def _delete(call: Call, volume_id: str) -> None:
    _act(call, volume_id, task="delete", needs="available", meanwhile="deleting")


def _attach(call: Call, volume_id: str) -> Any:
    instance_id = call.fields({"instanceId": str})["instanceId"]
    with call.state.look() as data:
        volume = _record(data, volume_id)
        instance = data["instances"].get(instance_id)
        if instance is None:
            raise not_found("Instance")
        if instance["region"] != volume["region"]:
            raise bad_request("Instance and volume must be in the same region")
        if instance["status"] not in ("ACTIVE", "SHUTOFF"):
            raise bad_request(f"Instance {instance_id} is in status {instance['status']}")
    return _act(
        call,
        volume_id,
        task="attach",
        needs="available",
        meanwhile="attaching",
        attached_to=instance_id,
        fault=call.fault,
    )


def _detach(call: Call, volume_id: str) -> Any:
    instance_id = call.fields({"instanceId": str})["instanceId"]
    with call.state.look() as data:
        if _record(data, volume_id)["attached_to"] != instance_id:
            raise bad_request(f"Volume {volume_id} is not attached to {instance_id}")
    return _act(call, volume_id, task="detach", needs="in-use", meanwhile="detaching")


def _change(call: Call, volume_id: str) -> Any:
    body = call.fields({}, {"name": str, "description": str})
    with call.state.change() as data:
        record = _record(data, volume_id)
        record.update(body)
        return _shape(record)


def _upsize(call: Call, volume_id: str) -> Any:
    size = call.fields({"size": int})["size"]
    with call.state.change() as data:
        record = _record(data, volume_id)
        if record["status"] not in ("available", "in-use"):
            raise bad_request(f"Volume {volume_id} is {record['status']}")
        if size <= record["size"]:
            raise bad_request(f"New size must be greater than the current size, {record['size']}")
        _check_room(data, record["region"], size - record["size"])
        record.update(size=size, status="extending", task="extend")
        shape = _shape(record)
    call.lifecycle.begin("volumes", volume_id)
    return shape


def _act(call: Call, volume_id: str, *, task: str, needs: str, meanwhile: str, **changes: str | None) -> dict[str, Any]:
    with call.state.change() as data:
        record = _record(data, volume_id)
        if record["status"] != needs:
            raise bad_request(f"Volume {volume_id} must be {needs}, and is {record['status']}")
        record.update(changes, task=task, status=meanwhile)
        shape = _shape(record)
    call.lifecycle.begin("volumes", volume_id)
    return shape


def _check_room(data: Record, region: str, more: int) -> None:
    used = sum(item["size"] for item in data["volumes"].values() if item["region"] == region)
    if used + more > catalogue.MAX_GIGABYTES:
        raise bad_request("Quota exceeded for gigabytes")


def _record(data: Record, volume_id: str) -> Record:
    record: Record | None = data["volumes"].get(volume_id)
    if record is None:
        raise not_found("Volume")
    return record


ROUTES = (
    Route("GET", "/volume", _list),
    Route("POST", "/volume", _create),
    Route("GET", "/volume/<volume_id>", _get),
    Route("PUT", "/volume/<volume_id>", _change),
    Route("DELETE", "/volume/<volume_id>", _delete),
    Route("POST", "/volume/<volume_id>/upsize", _upsize),
    Route("POST", "/volume/<volume_id>/attach", _attach),
    Route("POST", "/volume/<volume_id>/detach", _detach),
)
