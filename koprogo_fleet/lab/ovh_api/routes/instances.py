"""Instances."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from koprogo_fleet.lab.machines import PUBLIC_NETWORK
from koprogo_fleet.lab.ovh_api import catalogue
from koprogo_fleet.lab.ovh_api.addresses import new_ports
from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import bad_request, conflict, not_found
from koprogo_fleet.lab.ovh_api.lifecycle import is_off
from koprogo_fleet.lab.ovh_api.routes.catalogue import check_region, chosen_regions, flavors, images
from koprogo_fleet.lab.ovh_api.state import Record

_OPTIONAL = {
    "imageId": str,
    "volumeId": str,
    "sshKeyId": str,
    "userData": str,
    "monthlyBilling": bool,
    "groupId": str,
    "networks": list,
    "autobackup": dict,
    "availabilityZone": str,
}


def moment(call: Call) -> str:
    """Return now, as the API writes times."""
    return datetime.fromtimestamp(call.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _status(call: Call, record: Record) -> str:
    return "SHUTOFF" if record["task"] is None and is_off(record, call.machines) else str(record["status"])


def _common(call: Call, record: Record) -> dict[str, Any]:
    has_addresses = record["status"] not in ("BUILD", "ERROR")
    addresses = [
        {
            "ip": port["ip"],
            "type": "public" if port["network_id"] == PUBLIC_NETWORK else "private",
            "version": 4,
            "networkId": port["openstack_id"],
            "gatewayIp": port["gateway"],
        }
        for port in record["ports"]
    ]
    return {
        "id": record["id"],
        "name": record["name"],
        "status": _status(call, record),
        "region": record["region"],
        "created": record["created"],
        "ipAddresses": addresses if has_addresses else [],
        "planCode": f"{record['flavor']}.{'monthly.postpaid' if record.get('monthly_since') else 'consumption'}",
        "monthlyBilling": {"since": record["monthly_since"], "status": "ok"} if record.get("monthly_since") else None,
        "operationIds": [],
        "currentMonthOutgoingTraffic": None,
        "availabilityZone": None,
    }


def _list_shape(call: Call, record: Record) -> dict[str, Any]:
    ids = {
        "flavorId": catalogue.flavor_id(record["region"], record["flavor"]),
        "imageId": catalogue.image_id(record["region"], record["image"]),
        "sshKeyId": record["ssh_key_id"],
    }
    return _common(call, record) | ids


def detail_shape(call: Call, record: Record) -> dict[str, Any]:
    """Return an instance as the detail shows it: what the list has as ids is nested."""
    region = record["region"]
    with call.state.look() as data:
        ssh_key = data["ssh_keys"].get(record["ssh_key_id"])
    nested = {
        "flavor": next(
            item for item in flavors(call, region) if item["name"] == record["flavor"] and item["osType"] == "linux"
        ),
        "image": next(item for item in images(region) if item["name"] == record["image"]),
        "sshKey": ssh_key,
        "licensePlanCode": None,
        "rescuePassword": record.get("rescue_password"),
    }
    return _common(call, record) | nested


def _list(call: Call) -> Any:
    regions = chosen_regions(call)
    with call.state.look() as data:
        records = [dict(record) for record in data["instances"].values() if record["region"] in regions]
    return [_list_shape(call, record) for record in records]


def _get(call: Call, instance_id: str) -> Any:
    return detail_shape(call, copy_of(call, instance_id))


def _create(call: Call) -> Any:
    body = call.fields({"name": str, "flavorId": str, "region": str}, _OPTIONAL)
    region = body["region"]
    check_region(region)
    if "imageId" not in body:
        raise bad_request("Missing parameter imageId")
    names = {catalogue.flavor_id(region, name): name for name in catalogue.SIZES}
    if (flavor := names.get(body["flavorId"])) is None:
        raise bad_request(f"Flavor {body['flavorId']} not found in region {region}")
    systems = {catalogue.image_id(region, name): name for name in catalogue.IMAGES}
    if (image := systems.get(body["imageId"])) is None:
        raise bad_request(f"Image {body['imageId']} not found in region {region}")
    with call.state.change() as data:
        if sum(item["region"] == region for item in data["instances"].values()) >= catalogue.MAX_INSTANCES:
            raise bad_request("Quota exceeded for instances")
        key_id = body.get("sshKeyId")
        if key_id is not None and key_id not in data["ssh_keys"]:
            raise bad_request(f"SSH key {key_id} not found")
        group_id = body.get("groupId")
        if group_id is not None and group_id not in data["groups"]:
            raise bad_request(f"Instance group {group_id} not found")
        record = {
            "id": str(uuid.uuid4()),
            "name": body["name"],
            "region": region,
            "flavor": flavor,
            "image": image,
            "ssh_key_id": key_id,
            "authorized_keys": [data["ssh_keys"][key_id]["publicKey"]] if key_id else [],
            "user_data": body.get("userData", ""),
            "ports": new_ports(data, region, body.get("networks"), call.machines.public_subnet),
            "created": moment(call),
            "monthly_since": moment(call) if body.get("monthlyBilling") else None,
            "status": "BUILD",
            "task": "build",
            "fault": call.fault,
        }
        data["instances"][record["id"]] = record
        if group_id is not None:
            data["groups"][group_id]["instance_ids"].append(record["id"])
    shape = _list_shape(call, record)
    call.lifecycle.begin("instances", shape["id"])
    return shape


def _rename(call: Call, instance_id: str) -> None:
    body = call.fields({"instanceName": str})
    with call.state.change() as data:
        record_of(data, instance_id)["name"] = body["instanceName"]


def _delete(call: Call, instance_id: str) -> None:
    with call.state.change() as data:
        record_of(data, instance_id).update(status="DELETING", task="delete")
    call.lifecycle.begin("instances", instance_id)


def act(
    call: Call, instance_id: str, *, task: str, allowed: tuple[str, ...], meanwhile: str, **changes: str | None
) -> None:
    """
    Begin *task* if the instance's status is one of those *allowed*; until it is done the status is *meanwhile*.

    Raises:
        ApiError: 404, 409.
    """
    status = _status(call, copy_of(call, instance_id))
    with call.state.change() as data:
        record = record_of(data, instance_id)
        if record["task"] is not None or status not in allowed:
            raise conflict(f"Cannot '{task}' instance {instance_id} while it is in status {status}")
        record.update(changes, task=task, status=meanwhile)
    call.lifecycle.begin("instances", instance_id)


def _interfaces(call: Call, instance_id: str) -> Any:
    return [
        {
            "id": port["id"],
            "type": "public" if port["network_id"] == PUBLIC_NETWORK else "private",
            "state": "ACTIVE",
            "macAddress": port["mac"],
            "networkId": port["openstack_id"],
            "fixedIps": [{"ip": port["ip"], "subnetId": port["subnet_id"]}],
        }
        for port in copy_of(call, instance_id)["ports"]
    ]


def _interface(call: Call, instance_id: str, interface_id: str) -> Any:
    for shape in _interfaces(call, instance_id):
        if shape["id"] == interface_id:
            return shape
    raise not_found("Interface")


def copy_of(call: Call, instance_id: str) -> Record:
    """Return a copy of an instance's record (404 without one)."""
    with call.state.look() as data:
        return dict(record_of(data, instance_id))


def record_of(data: Record, instance_id: str) -> Record:
    """Return an instance's record (404 without one)."""
    record: Record | None = data["instances"].get(instance_id)
    if record is None:
        raise not_found("Instance")
    return record


ROUTES = (
    Route("GET", "/instance", _list),
    Route("POST", "/instance", _create),
    Route("GET", "/instance/<instance_id>", _get),
    Route("PUT", "/instance/<instance_id>", _rename),
    Route("DELETE", "/instance/<instance_id>", _delete),
    Route("GET", "/instance/<instance_id>/interface", _interfaces),
    Route("GET", "/instance/<instance_id>/interface/<interface_id>", _interface),
)
