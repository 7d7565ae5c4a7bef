"""SSH keys."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from koprogo_fleet.lab.ovh_api import catalogue
from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import bad_request, conflict, not_found
from koprogo_fleet.lab.ovh_api.routes.catalogue import check_region


def _list(call: Call) -> Any:
    region = call.query.get("region")
    with call.state.look() as data:
        return [dict(key) for key in data["ssh_keys"].values() if region is None or region in key["regions"]]


def _create(call: Call) -> Any:
    body = call.fields({"name": str, "publicKey": str}, {"region": str})
    name, line = body["name"], body["publicKey"].strip()
    if "region" in body:
        check_region(body["region"])
    try:
        blob = base64.b64decode(line.split()[1], validate=True)
    except (IndexError, ValueError):
        raise bad_request("Invalid SSH public key") from None
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    key = {
        "id": base64.urlsafe_b64encode(name.encode()).decode().rstrip("="),
        "name": name,
        "publicKey": line,
        "fingerPrint": ":".join(digest[place : place + 2] for place in range(0, len(digest), 2)),
        "regions": [body["region"]] if "region" in body else list(catalogue.REGIONS),
    }
    with call.state.change() as data:
        if key["id"] in data["ssh_keys"]:
            raise conflict(f"Key pair '{name}' already exists.")
        data["ssh_keys"][key["id"]] = key
    return key


def _get(call: Call, key_id: str) -> Any:
    with call.state.look() as data:
        if key_id not in data["ssh_keys"]:
            raise not_found("SSH key")
        return dict(data["ssh_keys"][key_id])


def _delete(call: Call, key_id: str) -> None:
    with call.state.change() as data:
        if data["ssh_keys"].pop(key_id, None) is None:
            raise not_found("SSH key")


ROUTES = (
    Route("GET", "/sshkey", _list),
    Route("POST", "/sshkey", _create),
    Route("GET", "/sshkey/<key_id>", _get),
    Route("DELETE", "/sshkey/<key_id>", _delete),
)
