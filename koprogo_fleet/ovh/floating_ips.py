"""
Floating IPs: public addresses that lead through a gateway to an instance or a load balancer.

They have no name and no tags: what one leads to is all that tells whose it is. No call creates one alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.operations import Operation, operation_from

ACTIVE = "active"
DOWN = "down"
"""It leads nowhere, and costs."""

ERROR = "error"
INSTANCE = "instance"
LOAD_BALANCER = "loadbalancer"
CREATED = "floatingip#create"


@dataclass(frozen=True)
class FloatingIp:
    """
    A floating IP.

    Attributes:
        entity_id: the instance or load balancer, None if it leads nowhere.
        entity_type: :data:`INSTANCE`, :data:`LOAD_BALANCER`, or another word of OVH's.
        private_ip: the address that it leads to.
    """

    id: str
    ip: IPv4Address
    region: str
    status: str
    entity_id: str | None
    entity_type: str | None
    private_ip: IPv4Address | None
    gateway_id: str | None


@dataclass(frozen=True)
class NewGateway:
    """The gateway to create with the floating IP if the subnet has none."""

    name: str
    model: str


def list_floating_ips(api: OvhApi, region: str) -> tuple[FloatingIp, ...]:
    """Return the floating IPs of a region."""
    return tuple(_floating_ip(item, region) for item in api.get(api.in_project(f"/region/{region}/floatingip")))


def get_floating_ip(api: OvhApi, region: str, floating_ip_id: str) -> FloatingIp:
    """Return one floating IP."""
    return _floating_ip(api.get(api.in_project(f"/region/{region}/floatingip/{floating_ip_id}")), region)


def create_on_instance(
    api: OvhApi, region: str, instance_id: str, private_ip: IPv4Address, gateway: NewGateway | None = None
) -> Operation:
    """Create a floating IP that leads to a private address of an instance."""
    path = api.in_project(f"/region/{region}/instance/{instance_id}/floatingIp")
    return operation_from(api.post(path, _body(private_ip, gateway)))


def create_on_load_balancer(
    api: OvhApi, region: str, load_balancer_id: str, vip: IPv4Address, gateway: NewGateway | None = None
) -> Operation:
    """Create a floating IP that leads to a load balancer; *vip* is its private address."""
    path = api.in_project(f"/region/{region}/loadbalancing/loadbalancer/{load_balancer_id}/floatingIp")
    return operation_from(api.post(path, _body(vip, gateway)))


def attach_to_instance(
    api: OvhApi, region: str, instance_id: str, private_ip: IPv4Address, floating_ip_id: str
) -> Operation:
    """Let a floating IP that leads nowhere lead to a private address of an instance."""
    path = api.in_project(f"/region/{region}/instance/{instance_id}/associateFloatingIp")
    return operation_from(api.post(path, {"floatingIpId": floating_ip_id, "ip": str(private_ip)}))


def attach_to_load_balancer(
    api: OvhApi, region: str, load_balancer_id: str, vip: IPv4Address, floating_ip_id: str
) -> Operation:
    """Let a floating IP that leads nowhere lead to a load balancer; *vip* is its private address."""
    path = api.in_project(f"/region/{region}/loadbalancing/loadbalancer/{load_balancer_id}/associateFloatingIp")
    return operation_from(api.post(path, {"floatingIpId": floating_ip_id, "ip": str(vip)}))


def detach_floating_ip(api: OvhApi, region: str, floating_ip_id: str) -> None:
    """Let a floating IP lead nowhere; it stays, and costs."""
    api.post(api.in_project(f"/region/{region}/floatingip/{floating_ip_id}/detach"), void=True)


def delete_floating_ip(api: OvhApi, region: str, floating_ip_id: str) -> None:
    """Give a floating IP back; its address is lost."""
    api.delete(api.in_project(f"/region/{region}/floatingip/{floating_ip_id}"))


def _body(private_ip: IPv4Address, gateway: NewGateway | None) -> dict[str, Any]:
    body: dict[str, Any] = {"ip": str(private_ip)}
    if gateway is not None:
        body["gateway"] = {"name": gateway.name, "model": gateway.model}
    return body


def _floating_ip(item: dict[str, Any], region: str) -> FloatingIp:
    entity = item.get("associatedEntity") or {}
    return FloatingIp(
        id=item["id"],
        ip=IPv4Address(item["ip"]),
        region=item.get("region") or region,
        status=item["status"],
        entity_id=entity.get("id"),
        entity_type=entity.get("type"),
        private_ip=IPv4Address(entity["ip"]) if entity.get("ip") else None,
        gateway_id=entity.get("gatewayId"),
    )
