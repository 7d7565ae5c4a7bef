"""
Gateways: the way out of a private network (NAT), and the way in for floating IPs.

A gateway stands in one subnet of a region; the subnet must have a gateway address.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.operations import Operation, operation_from

ACTIVE = "active"
BUILDING = "building"
ERROR = "error"
MODELS = ("s", "m", "l")
"""The sizes to choose from; OVH has larger ones (xl, 2xl, 3xl) in some regions."""

CREATED = "gateway#create"
NETWORK_CREATED = "network#create"
_PAGE = 50  # the most that OVH lists at once


@dataclass(frozen=True)
class Gateway:
    """A gateway; *subnet_ids* and *public_ips* are empty while it is built."""

    id: str
    name: str
    region: str
    model: str
    status: str
    subnet_ids: tuple[str, ...]
    public_ips: tuple[IPv4Address, ...]


def list_gateways(api: OvhApi, region: str, subnet_id: str | None = None) -> tuple[Gateway, ...]:
    """Return the gateways of a region, or of one subnet; a call for every 50."""
    found: list[Gateway] = []
    while True:
        marker = found[-1].id if found else None
        path = api.in_project(f"/region/{region}/gateway")
        page = api.get(path, subnetId=subnet_id, limit=str(_PAGE), marker=marker)
        found += [_gateway(item) for item in page]
        if len(page) < _PAGE:
            return tuple(found)


def get_gateway(api: OvhApi, region: str, gateway_id: str) -> Gateway:
    """Return one gateway."""
    return _gateway(api.get(api.in_project(f"/region/{region}/gateway/{gateway_id}")))


def create_gateway(  # noqa: PLR0913, PLR0917 - where it stands, and what it is
    api: OvhApi, region: str, openstack_id: str, subnet_id: str, name: str, model: str
) -> Operation:
    """Create a gateway in a subnet; *openstack_id* is the private network's id in the region."""
    path = api.in_project(f"/region/{region}/network/{openstack_id}/subnet/{subnet_id}/gateway")
    return operation_from(api.post(path, {"name": name, "model": model}))


def create_network_with_gateway(  # noqa: PLR0913, PLR0917 - all that is created
    api: OvhApi, region: str, name: str, vlan_id: int, cidr: IPv4Network, model: str
) -> Operation:
    """
    Create a private network in one region, with a subnet and a gateway, all by the same name.

    The operation's :data:`NETWORK_CREATED` made the network's OpenStack id, its :data:`CREATED` the gateway.
    """
    body = {
        "name": name,
        "vlanId": vlan_id,
        "subnet": {"cidr": str(cidr), "ipVersion": 4, "enableDhcp": False, "enableGatewayIp": True},
        "gateway": {"name": name, "model": model},
    }
    return operation_from(api.post(api.in_project(f"/region/{region}/network"), body))


def change_gateway(api: OvhApi, region: str, gateway_id: str, name: str, model: str) -> Gateway:
    """Rename a gateway, or make it larger or smaller."""
    path = api.in_project(f"/region/{region}/gateway/{gateway_id}")
    return _gateway(api.put(path, {"name": name, "model": model}))


def delete_gateway(api: OvhApi, region: str, gateway_id: str) -> Operation:
    """Delete a gateway and its interfaces; floating IPs that use it must be detached before."""
    return operation_from(api.delete(api.in_project(f"/region/{region}/gateway/{gateway_id}")))


def _gateway(item: dict[str, Any]) -> Gateway:
    external = item.get("externalInformation") or {}
    return Gateway(
        id=item["id"],
        name=item["name"],
        region=item["region"],
        model=item["model"],
        status=item["status"],
        subnet_ids=tuple(dict.fromkeys(interface["subnetId"] for interface in item.get("interfaces") or ())),
        public_ips=tuple(IPv4Address(address["ip"]) for address in external.get("ips") or ()),
    )
