"""
Octavia load balancers of a region, and the calls that all their parts share.

Every change of a balancer or of one of its parts sets it to :data:`UPDATING`, and it refuses the next one (409, an
:class:`~koprogo_fleet.core.errors.OvhConflict`) until it is :data:`ACTIVE` again. In :data:`ERROR` it can only be
deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.load_balancer_parts import NewListener, listener_body
from koprogo_fleet.ovh.operations import Operation, operation_from

ACTIVE = "active"
UPDATING = "updating"
ERROR = "error"
ONLINE = "online"
"""The operating status of what works; a member without a monitor has "noMonitor"."""

CREATED = "loadbalancer#create"
"""The action of the operation; the operation's ``resource_id`` is what to rely on, the word is UNCONFIRMED."""


@dataclass(frozen=True)
class LoadBalancerFlavor:
    """A size: "small", "medium", "large", …; its id is another in every region."""

    id: str
    name: str
    region: str


@dataclass(frozen=True)
class LoadBalancer:
    """
    A load balancer without its listeners, which the API lists apart.

    Attributes:
        vip: its address in the private network.
        status: provisioning: active, creating, updating, deleting, deleted, error.
        operating_status: online, offline, degraded, draining, error, noMonitor.
    """

    id: str
    name: str
    region: str
    flavor_id: str
    status: str
    operating_status: str
    vip: IPv4Address
    network_id: str
    subnet_id: str
    floating_ip_id: str | None
    floating_ip: IPv4Address | None


@dataclass(frozen=True)
class NewLoadBalancer:
    """
    What a load balancer is created from.

    Attributes:
        network_id: the private network's OpenStack id in the region.
        listeners: created with it, with their pools; more can be added later.
        floating_ip_id: an existing address for it.
        wants_floating_ip: whether a new address is created with it; the subnet needs a gateway.
    """

    name: str
    region: str
    flavor_id: str
    network_id: str
    subnet_id: str
    listeners: tuple[NewListener, ...] = ()
    floating_ip_id: str | None = None
    wants_floating_ip: bool = False


def list_flavors(api: OvhApi, region: str) -> tuple[LoadBalancerFlavor, ...]:
    """Return the sizes of load balancers in a region."""
    items = api.get(api.in_project(f"/region/{region}/loadbalancing/flavor"))
    return tuple(LoadBalancerFlavor(item["id"], item["name"], item["region"]) for item in items)


def list_load_balancers(api: OvhApi, region: str) -> tuple[LoadBalancer, ...]:
    """Return the load balancers of a region."""
    return tuple(_load_balancer(item) for item in api.get(_path(api, region)))


def get_load_balancer(api: OvhApi, region: str, load_balancer_id: str) -> LoadBalancer:
    """Return one load balancer."""
    return _load_balancer(api.get(_path(api, region, load_balancer_id)))


def create_load_balancer(api: OvhApi, new: NewLoadBalancer) -> Operation:
    """Create a load balancer with its parts; the operation's ``resource_id`` is its id."""
    private: dict[str, Any] = {"network": {"id": new.network_id, "subnetId": new.subnet_id}}
    if new.floating_ip_id is not None:
        private["floatingIp"] = {"id": new.floating_ip_id}
    elif new.wants_floating_ip:
        private["floatingIpCreate"] = {"description": new.name}
    body: dict[str, Any] = {"name": new.name, "flavorId": new.flavor_id, "network": {"private": private}}
    if new.listeners:
        body["listeners"] = [listener_body(listener) for listener in new.listeners]
    return operation_from(api.post(_path(api, new.region), body))


def change_load_balancer(api: OvhApi, region: str, load_balancer_id: str, name: str, flavor_id: str) -> LoadBalancer:
    """Rename a load balancer, or change its size: ``flavor_id`` shows the new one once that is done."""
    return _load_balancer(api.put(_path(api, region, load_balancer_id), {"name": name, "flavorId": flavor_id}))


def delete_load_balancer(api: OvhApi, region: str, load_balancer_id: str) -> None:
    """
    Delete a load balancer with all its parts; its floating IP stays, and costs.

    That the parts go with it is what the Terraform provider relies on (``resource_cloud_project_loadbalancer.go``).
    """
    api.delete(_path(api, region, load_balancer_id))


def _path(api: OvhApi, region: str, load_balancer_id: str | None = None) -> str:
    path = api.in_project(f"/region/{region}/loadbalancing/loadbalancer")
    return path if load_balancer_id is None else f"{path}/{load_balancer_id}"


def _load_balancer(item: dict[str, Any]) -> LoadBalancer:
    floating = item.get("floatingIp") or {}
    return LoadBalancer(
        id=item["id"],
        name=item["name"],
        region=item["region"],
        flavor_id=item["flavorId"],
        status=item["provisioningStatus"],
        operating_status=item["operatingStatus"],
        vip=IPv4Address(item["vipAddress"]),
        network_id=item["vipNetworkId"],
        subnet_id=item["vipSubnetId"],
        floating_ip_id=floating.get("id"),
        floating_ip=IPv4Address(floating["ip"]) if floating.get("ip") else None,
    )
