"""Pools of Octavia load balancers, their members and health monitors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.load_balancer_parts import NewMember, NewMonitor, NewPool, member_body, monitor_body


@dataclass(frozen=True)
class Pool:
    """A pool; *listener_id* is the listener that leads to it, if any."""

    id: str
    name: str
    load_balancer_id: str
    listener_id: str | None
    protocol: str
    algorithm: str
    status: str
    operating_status: str


@dataclass(frozen=True)
class Member:
    """A member of a pool."""

    id: str
    name: str
    address: IPv4Address
    port: int
    weight: int
    status: str
    operating_status: str


@dataclass(frozen=True)
class Monitor:
    """The health monitor of a pool; *wanted* is what it does."""

    id: str
    pool_id: str
    wanted: NewMonitor
    status: str


def list_pools(api: OvhApi, region: str, load_balancer_id: str | None = None) -> tuple[Pool, ...]:
    """Return the pools of a load balancer, or of the region."""
    return tuple(_pool(item) for item in api.get(_path(api, region), loadbalancerId=load_balancer_id))


def get_pool(api: OvhApi, region: str, pool_id: str) -> Pool:
    """Return one pool."""
    return _pool(api.get(f"{_path(api, region)}/{pool_id}"))


def create_pool(api: OvhApi, region: str, load_balancer_id: str, new: NewPool, listener_id: str | None = None) -> Pool:
    """Add a pool, for a listener that has none yet, or for none; its members and its monitor are created after it."""
    body = {"name": new.name, "protocol": new.protocol, "algorithm": new.algorithm}
    body.update({"loadbalancerId": load_balancer_id} if listener_id is None else {"listenerId": listener_id})
    return _pool(api.post(_path(api, region), body))


def change_pool(api: OvhApi, region: str, pool_id: str, new: NewPool) -> Pool:
    """Change the name and the algorithm of a pool; its protocol cannot be changed."""
    return _pool(api.put(f"{_path(api, region)}/{pool_id}", {"name": new.name, "algorithm": new.algorithm}))


def delete_pool(api: OvhApi, region: str, pool_id: str) -> None:
    """Delete a pool with its members and its monitor."""
    api.delete(f"{_path(api, region)}/{pool_id}")


def list_members(api: OvhApi, region: str, pool_id: str) -> tuple[Member, ...]:
    """Return the members of a pool."""
    return tuple(_member(item) for item in api.get(f"{_path(api, region)}/{pool_id}/member"))


def create_members(api: OvhApi, region: str, pool_id: str, new: Sequence[NewMember]) -> tuple[Member, ...]:
    """Add members to a pool, all in one call."""
    body = {"members": [member_body(member) for member in new]}
    return tuple(_member(item) for item in api.post(f"{_path(api, region)}/{pool_id}/member", body))


def change_member(  # noqa: PLR0913, PLR0917 - which one, and what it is to be
    api: OvhApi, region: str, pool_id: str, member_id: str, name: str, weight: int
) -> Member:
    """Change the name and the weight of a member; its address and its port cannot be changed."""
    path = f"{_path(api, region)}/{pool_id}/member/{member_id}"
    return _member(api.put(path, {"name": name, "weight": weight}))


def delete_member(api: OvhApi, region: str, pool_id: str, member_id: str) -> None:
    """Remove a member from a pool."""
    api.delete(f"{_path(api, region)}/{pool_id}/member/{member_id}")


def list_monitors(api: OvhApi, region: str, pool_id: str | None = None) -> tuple[Monitor, ...]:
    """Return the health monitors of the region, or of one pool, which has at most one."""
    return tuple(_monitor(item) for item in api.get(_monitor_path(api, region), poolId=pool_id))


def create_monitor(api: OvhApi, region: str, pool_id: str, new: NewMonitor) -> Monitor:
    """Watch the members of a pool."""
    return _monitor(api.post(_monitor_path(api, region), {"poolId": pool_id, **monitor_body(new)}))


def change_monitor(api: OvhApi, region: str, monitor_id: str, new: NewMonitor) -> Monitor:
    """Change a health monitor; its type cannot be changed."""
    body = {name: value for name, value in monitor_body(new).items() if name != "monitorType"}
    return _monitor(api.put(f"{_monitor_path(api, region)}/{monitor_id}", body))


def delete_monitor(api: OvhApi, region: str, monitor_id: str) -> None:
    """Watch the members of a pool no more."""
    api.delete(f"{_monitor_path(api, region)}/{monitor_id}")


def _path(api: OvhApi, region: str) -> str:
    return api.in_project(f"/region/{region}/loadbalancing/pool")


def _monitor_path(api: OvhApi, region: str) -> str:
    return api.in_project(f"/region/{region}/loadbalancing/healthMonitor")


def _pool(item: dict[str, Any]) -> Pool:
    return Pool(
        id=item["id"],
        name=item["name"],
        load_balancer_id=item["loadbalancerId"],
        listener_id=item.get("listenerId"),
        protocol=item["protocol"],
        algorithm=item["algorithm"],
        status=item["provisioningStatus"],
        operating_status=item["operatingStatus"],
    )


def _member(item: dict[str, Any]) -> Member:
    return Member(
        id=item["id"],
        name=item["name"],
        address=IPv4Address(item["address"]),
        port=int(item["protocolPort"]),
        weight=int(item.get("weight") or 1),
        status=item["provisioningStatus"],
        operating_status=item["operatingStatus"],
    )


def _monitor(item: dict[str, Any]) -> Monitor:
    http = item.get("httpConfiguration") or {}
    wanted = NewMonitor(
        name=item["name"],
        type=item["monitorType"],
        delay=int(item["delay"]),
        timeout=int(item["timeout"]),
        retries=int(item["maxRetries"]),
        retries_down=int(item.get("maxRetriesDown") or 3),
        url_path=http.get("urlPath"),
        expected_codes=http.get("expectedCodes"),
        host=http.get("domainName"),
    )
    return Monitor(item["id"], item["poolId"], wanted, item["provisioningStatus"])
