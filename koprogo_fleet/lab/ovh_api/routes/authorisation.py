"""Asking for a consumer key, and what one may do."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import bad_request
from koprogo_fleet.lab.ovh_api.grants import PENDING, VALIDATED, status_of
from koprogo_fleet.lab.ovh_api.state import Record

_METHODS = ("GET", "POST", "PUT", "DELETE")
_ALL = [{"method": method, "path": "/*"} for method in _METHODS]


def _request(call: Call) -> Any:
    body = call.fields({"accessRules": list}, {"redirection": str, "allowedIPs": list})
    with call.state.change() as data:
        record = {
            "id": 1 + max((item["id"] for item in data["consumer_keys"].values()), default=700_000_000),
            "consumer_key": secrets.token_hex(16),
            "token": secrets.token_hex(32),
            "rules": [_rule(item) for item in body["accessRules"]],
            "allowed_ips": body.get("allowedIPs"),
            "status": PENDING,
            "created": call.now,
            "expires": None,
        }
        data["consumer_keys"][record["consumer_key"]] = record
    return {
        "consumerKey": record["consumer_key"],
        "state": PENDING,
        "validationUrl": f"{call.origin}/auth/?credentialToken={record['token']}",
    }


def _rule(item: Any) -> dict[str, str]:
    if not isinstance(item, dict) or item.keys() != {"method", "path"}:
        raise bad_request("accessRules is a list of {method, path}")
    if item["method"] not in _METHODS or not str(item["path"]).startswith("/"):
        raise bad_request(f"Invalid access rule {item['method']} {item['path']}")
    return {"method": item["method"], "path": item["path"]}


def _current(call: Call) -> Any:
    record = call.consumer
    return {
        "credentialId": record["id"] if record else 1,
        "applicationId": 1,
        "status": status_of(record, call.now) if record else VALIDATED,
        "rules": record["rules"] if record else _ALL,
        "creation": _moment(record["created"] if record else 0.0),
        "expiration": _moment(record["expires"]) if record and record["expires"] is not None else None,
        "lastUse": _moment(call.now),
        "allowedIPs": record["allowed_ips"] if record else None,
        "ovhSupport": False,
    }


def _details(call: Call) -> Any:
    return {
        "account": "lab",
        "method": "account",
        "identities": [f"urn:v1:eu:identity:account:{call.state.keys.application_key}"],
        "allowedRoutes": call.consumer["rules"] if call.consumer else None,
        "description": None,
        "roles": None,
        "user": None,
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def pending(data: Record, token: str) -> Record | None:
    """Return the consumer key whose validation page has *token*, while it waits for a person."""
    records = (item for item in data["consumer_keys"].values() if item["status"] == PENDING)
    return next((item for item in records if secrets.compare_digest(item["token"], token)), None)


ROUTES = (
    Route("POST", "/auth/credential", _request),
    Route("GET", "/auth/currentCredential", _current),
    Route("GET", "/auth/details", _details),
)
