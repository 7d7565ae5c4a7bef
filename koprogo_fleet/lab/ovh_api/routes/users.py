"""Users of the project, and their S3 credentials. A secret is shown at its creation, and by the route for it."""

from __future__ import annotations

import json
import secrets
import uuid
from datetime import UTC, datetime
from typing import Any

from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import bad_request, not_found
from koprogo_fleet.lab.ovh_api.state import Record

ROLES = (
    "administrator",
    "authentication",
    "backup_operator",
    "compute_operator",
    "image_operator",
    "infrastructure_supervisor",
    "key-manager_operator",
    "key-manager_read",
    "load-balancer_operator",
    "network_operator",
    "network_security_operator",
    "objectstore_operator",
    "volume_operator",
)


def user_record(data: Record, user_id: int) -> Record:
    """
    Return the record of a user.

    Raises:
        ApiError: 404, there is none.
    """
    record: Record | None = data["users"].get(str(user_id))
    if record is None:
        raise not_found("User")
    return record


def _shape(record: Record) -> dict[str, Any]:
    return {
        "id": record["id"],
        "username": record["username"],
        "description": record["description"],
        "creationDate": record["created"],
        "openstackId": record["openstack_id"],
        "status": "ok",
        "roles": [{"id": name, "name": name, "description": name, "permissions": []} for name in record["roles"]],
    }


def _list(call: Call) -> Any:
    with call.state.look() as data:
        return [_shape(record) for record in data["users"].values()]


def _create(call: Call) -> Any:
    body = call.fields({}, {"description": str, "role": str, "roles": list})
    roles = [*body.get("roles", ()), *([body["role"]] if "role" in body else [])]
    for role in roles:
        if role not in ROLES:
            raise bad_request(f"Invalid role {role}")
    with call.state.change() as data:
        record = {
            "id": 1 + max((item["id"] for item in data["users"].values()), default=500_000),
            "username": f"user-{secrets.token_urlsafe(9).replace('-', 'x').replace('_', 'y')}",
            "description": body.get("description", ""),
            "created": datetime.fromtimestamp(call.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "openstack_id": uuid.uuid4().hex,
            "roles": roles,
            "policy": None,
        }
        data["users"][str(record["id"])] = record
    # the password is OpenStack's business, which the lab does not have: it is not kept
    return {**_shape(record), "status": "creating", "password": secrets.token_urlsafe(24)}


def _get(call: Call, user_id: int) -> Any:
    with call.state.look() as data:
        return _shape(user_record(data, user_id))


def _delete(call: Call, user_id: int) -> None:
    with call.state.change() as data:
        del data["users"][str(user_record(data, user_id)["id"])]
        for access in [key for key, item in data["s3_credentials"].items() if item["user_id"] == user_id]:
            del data["s3_credentials"][access]


def _credential_shape(call: Call, record: Record) -> dict[str, Any]:
    return {"access": record["access"], "tenantId": call.state.keys.project_id, "userId": str(record["user_id"])}


def _credentials(call: Call, user_id: int) -> Any:
    with call.state.look() as data:
        user_record(data, user_id)
        found = [item for item in data["s3_credentials"].values() if item["user_id"] == user_id]
        return [_credential_shape(call, item) for item in found]


def _create_credential(call: Call, user_id: int) -> Any:
    with call.state.change() as data:
        user_record(data, user_id)
        record = {"access": secrets.token_hex(16), "secret": secrets.token_hex(16), "user_id": user_id}
        data["s3_credentials"][record["access"]] = record
        return {**_credential_shape(call, record), "secret": record["secret"]}


def _credential(call: Call, user_id: int, access: str) -> Any:
    with call.state.look() as data:
        return _credential_shape(call, _credential_record(data, user_id, access))


def _secret(call: Call, user_id: int, access: str) -> Any:
    with call.state.look() as data:
        return {"secret": _credential_record(data, user_id, access)["secret"]}


def _delete_credential(call: Call, user_id: int, access: str) -> None:
    with call.state.change() as data:
        del data["s3_credentials"][_credential_record(data, user_id, access)["access"]]


def _credential_record(data: Record, user_id: int, access: str) -> Record:
    user_record(data, user_id)
    record: Record | None = data["s3_credentials"].get(access)
    if record is None or record["user_id"] != user_id:
        raise not_found("S3 credentials")
    return record


def _policy(call: Call, user_id: int) -> Any:
    with call.state.look() as data:
        return {"policy": user_record(data, user_id)["policy"] or ""}


def _set_policy(call: Call, user_id: int) -> None:
    policy = call.fields({"policy": str})["policy"]
    try:
        is_policy = isinstance(json.loads(policy), dict)
    except ValueError:
        is_policy = False
    if not is_policy:
        raise bad_request("policy is not a JSON document")
    with call.state.change() as data:
        user_record(data, user_id)["policy"] = policy


ROUTES = (
    Route("GET", "/user", _list),
    Route("POST", "/user", _create),
    Route("GET", "/user/<int:user_id>", _get),
    Route("DELETE", "/user/<int:user_id>", _delete),
    Route("GET", "/user/<int:user_id>/policy", _policy),
    Route("POST", "/user/<int:user_id>/policy", _set_policy),
    Route("GET", "/user/<int:user_id>/s3Credentials", _credentials),
    Route("POST", "/user/<int:user_id>/s3Credentials", _create_credential),
    Route("GET", "/user/<int:user_id>/s3Credentials/<access>", _credential),
    Route("POST", "/user/<int:user_id>/s3Credentials/<access>/secret", _secret),
    Route("DELETE", "/user/<int:user_id>/s3Credentials/<access>", _delete_credential),
)
