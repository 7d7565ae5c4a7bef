"""Listeners of Octavia load balancers."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.load_balancer_parts import NewListener, listener_body


@dataclass(frozen=True)
class Listener:
    """A listener; *allowed* are the sources that it lets in, none for all."""

    id: str
    name: str
    load_balancer_id: str
    protocol: str
    port: int
    pool_id: str | None
    allowed: tuple[IPv4Network, ...]
    status: str
    operating_status: str


def list_listeners(api: OvhApi, region: str, load_balancer_id: str | None = None) -> tuple[Listener, ...]:
    """Return the listeners of a load balancer, or of the region."""
    return tuple(_listener(item) for item in api.get(_path(api, region), loadbalancerId=load_balancer_id))


def get_listener(api: OvhApi, region: str, listener_id: str) -> Listener:
    """Return one listener."""
    return _listener(api.get(f"{_path(api, region)}/{listener_id}"))


def create_listener(
    api: OvhApi, region: str, load_balancer_id: str, new: NewListener, pool_id: str | None = None
) -> Listener:
    """Add a listener, with an existing pool or none: a pool in *new* is not created."""
    body = {name: value for name, value in listener_body(new).items() if name != "pool"}
    body["loadbalancerId"] = load_balancer_id
    if pool_id is not None:
        body["defaultPoolId"] = pool_id
    return _listener(api.post(_path(api, region), body))


def change_listener(
    api: OvhApi, region: str, listener_id: str, new: NewListener, pool_id: str | None = None
) -> Listener:
    """Change the name, the pool and the sources of a listener; its protocol and its port cannot be changed."""
    body: dict[str, Any] = {"name": new.name, "allowedCidrs": [str(network) for network in new.allowed]}
    if pool_id is not None:
        body["defaultPoolId"] = pool_id
    return _listener(api.put(f"{_path(api, region)}/{listener_id}", body))


def delete_listener(api: OvhApi, region: str, listener_id: str) -> None:
    """Delete a listener; its pool stays."""
    api.delete(f"{_path(api, region)}/{listener_id}")


def _path(api: OvhApi, region: str) -> str:
    return api.in_project(f"/region/{region}/loadbalancing/listener")


def _listener(item: dict[str, Any]) -> Listener:
    return Listener(
        id=item["id"],
        name=item["name"],
        load_balancer_id=item["loadBalancerIds"][0],
        protocol=item["protocol"],
        port=int(item["port"]),
        pool_id=item.get("defaultPoolId"),
        allowed=tuple(IPv4Network(network) for network in item.get("allowedCidrs") or ()),
        status=item["provisioningStatus"],
        operating_status=item["operatingStatus"],
    )
