"""The parts of an Octavia load balancer as the API shows them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from koprogo_fleet.lab.ovh_api.state import Record


def _statuses(record: Record, operating: str = "online") -> Record:
    online = operating if record["status"] in ("active", "updating") else "offline"
    return {"operatingStatus": online, "provisioningStatus": record["status"]}


def listener(_data: Record, item: Record) -> dict[str, Any]:
    """Return a listener as the API shows it."""
    return {
        "id": item["id"],
        "name": item["name"],
        "description": item["description"],
        "loadBalancerIds": [item["balancer_id"]],
        "port": item["port"],
        "protocol": item["protocol"],
        "defaultPoolId": item["default_pool_id"],
        "allowedCidrs": item["allowed_cidrs"],
        "certificateId": item["certificate_id"],
        "timeoutClientData": item["timeout_client"],
        "timeoutMemberData": item["timeout_member"],
        "tlsVersions": item["tls_versions"],
        **_statuses(item),
    }


def pool(data: Record, item: Record) -> dict[str, Any]:
    """Return a pool; *listenerId* is the first listener that leads to it."""
    listeners = (listener for listener in data["listeners"].values() if listener["default_pool_id"] == item["id"])
    return {
        "id": item["id"],
        "name": item["name"],
        "loadbalancerId": item["balancer_id"],
        "listenerId": next((listener["id"] for listener in listeners), None),
        "protocol": item["protocol"],
        "algorithm": item["algorithm"],
        "sessionPersistence": item["persistence"],
        **_statuses(item, operating(data, [item["id"]])),
    }


def operating(data: Record, pool_ids: Collection[str]) -> str:
    """
    Return how these pools are: in error without any member that is well, degraded where one is not.

    The words, and those of a member, are Octavia's (its API reference, "Operating Status Codes").
    """
    members = [item for item in data["members"].values() if item["pool_id"] in pool_ids]
    ill = [item for item in members if _is_watched(data, item) and not item.get("well", True)]
    return "online" if not ill else "error" if len(ill) == len(members) else "degraded"


def _is_watched(data: Record, member: Record) -> bool:
    return any(monitor["pool_id"] == member["pool_id"] for monitor in data["health_monitors"].values())


def member(data: Record, item: Record) -> dict[str, Any]:
    """Return a member; without a monitor nobody knows how it is, and where nothing is carried all are well."""
    watched = "online" if item.get("well", True) else "error"
    return {
        "id": item["id"],
        "name": item["name"],
        "address": item["address"],
        "protocolPort": item["port"],
        "weight": item["weight"],
        **_statuses(item, watched if _is_watched(data, item) else "noMonitor"),
    }


def monitor(_data: Record, item: Record) -> dict[str, Any]:
    """Return a health monitor."""
    return {
        "id": item["id"],
        "name": item["name"],
        "poolId": item["pool_id"],
        "monitorType": item["type"],
        "delay": item["delay"],
        "timeout": item["timeout"],
        "maxRetries": item["retries"],
        "maxRetriesDown": item["retries_down"],
        "httpConfiguration": item["http"],
        **_statuses(item),
    }
