"""S3 containers; what is in them is served by :mod:`koprogo_fleet.lab.s3`, and only counted here."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from koprogo_fleet.lab.ovh_api import catalogue
from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import bad_request, conflict, not_found
from koprogo_fleet.lab.ovh_api.routes.users import user_record
from koprogo_fleet.lab.ovh_api.state import Record
from koprogo_fleet.lab.s3.buckets import Size, place_of, size_of

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_OPTIONAL = {
    "ownerId": int,
    "versioning": dict,
    "encryption": dict,
    "objectLock": dict,
    "replication": dict,
    "tags": dict,
}
_PROJECT_OWNER = 0
"""Who owns a container that was created without an owner (which id OVH gives then is not documented)."""


def _size(call: Call, record: Record) -> Size:
    return size_of(place_of(call.state.path.parent / "s3", record))


def _shape(call: Call, record: Record) -> dict[str, Any]:
    size = _size(call, record)
    region = record["region"].rstrip("0123456789").lower()
    return {
        "name": record["name"],
        "region": record["region"],
        "ownerId": record["owner_id"],
        "virtualHost": f"https://{record['name']}.s3.{region}.io.cloud.ovh.net/",
        "createdAt": record["created"],
        "objectsCount": size.objects,
        "objectsSize": size.size_bytes,
        "objects": [],
        "versioning": {"status": record["versioning"]},
        "encryption": {"sseAlgorithm": record["encryption"]},
        "objectLock": None,
        "replication": None,
        "tags": record["tags"],
    }


def _list(call: Call, region: str) -> Any:
    _check_region(region)
    with call.state.look() as data:
        return [_shape(call, record) for record in data["containers"].values() if record["region"] == region]


def _create(call: Call, region: str) -> Any:
    _check_region(region)
    body = call.fields({"name": str}, _OPTIONAL)
    name = body["name"]
    if not _NAME.fullmatch(name):
        raise bad_request(f"Invalid container name {name}")
    with call.state.change() as data:
        if "ownerId" in body:
            user_record(data, body["ownerId"])
        if _key(region, name) in data["containers"]:
            raise conflict(f"Container {name} already exists")
        record = {
            "name": name,
            "region": region,
            "owner_id": body.get("ownerId", _PROJECT_OWNER),
            "created": datetime.fromtimestamp(call.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "versioning": _one_of(body.get("versioning"), "status", ("disabled", "enabled", "suspended")),
            "encryption": _one_of(body.get("encryption"), "sseAlgorithm", ("plaintext", "AES256")),
            "tags": body.get("tags", {}),
            "grants": {},
        }
        data["containers"][_key(region, name)] = record
    return _shape(call, record)


def _get(call: Call, region: str, name: str) -> Any:
    with call.state.look() as data:
        return _shape(call, _record(data, region, name))


def _change(call: Call, region: str, name: str) -> None:
    body = call.fields({}, {name: kind for name, kind in _OPTIONAL.items() if name != "ownerId"})
    with call.state.change() as data:
        record = _record(data, region, name)
        if "versioning" in body:
            record["versioning"] = _one_of(body["versioning"], "status", ("enabled", "suspended"))
        if "encryption" in body:
            record["encryption"] = _one_of(body["encryption"], "sseAlgorithm", ("plaintext", "AES256"))
        record["tags"] = body.get("tags", record["tags"])


def _delete(call: Call, region: str, name: str) -> None:
    with call.state.change() as data:
        if _size(call, _record(data, region, name)).objects:
            raise bad_request(f"Container {name} is not empty")
        del data["containers"][_key(region, name)]


def _grant(call: Call, region: str, name: str, user_id: int) -> None:
    body = call.fields({"roleName": str}, {"objectKey": str})
    if body["roleName"] not in ("admin", "deny", "readOnly", "readWrite"):
        raise bad_request(f"Invalid roleName {body['roleName']}")
    with call.state.change() as data:
        user_record(data, user_id)
        _record(data, region, name)["grants"][str(user_id)] = body["roleName"]


def _check_region(region: str) -> None:
    if region not in catalogue.STORAGE_REGIONS:
        raise bad_request(f"Region {region} not found")


def _one_of(given: dict[str, Any] | None, field: str, known: tuple[str, ...]) -> str:
    value = (given or {}).get(field, known[0])
    if value not in known:
        raise bad_request(f"Invalid {field} {value}")
    return str(value)


def _key(region: str, name: str) -> str:
    return f"{region}/{name}"


def _record(data: Record, region: str, name: str) -> Record:
    _check_region(region)
    record: Record | None = data["containers"].get(_key(region, name))
    if record is None:
        raise not_found("Container")
    return record


ROUTES = (
    Route("GET", "/region/<region>/storage", _list),
    Route("POST", "/region/<region>/storage", _create),
    Route("GET", "/region/<region>/storage/<name>", _get),
    Route("PUT", "/region/<region>/storage/<name>", _change),
    Route("DELETE", "/region/<region>/storage/<name>", _delete),
    Route("POST", "/region/<region>/storage/<name>/policy/<int:user_id>", _grant),
)
