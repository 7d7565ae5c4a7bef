"""Private networks of a vRack, their subnets, and the public network."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from koprogo_fleet.core.errors import OvhNotFound
from koprogo_fleet.ovh.client import OvhApi

ACTIVE = "ACTIVE"
DELETING = "DELETING"


@dataclass(frozen=True)
class NetworkRegion:
    """A network in one region; *openstack_id* is what instances there are connected to, None while it is built."""

    region: str
    status: str
    openstack_id: str | None


@dataclass(frozen=True)
class PrivateNetwork:
    """A VLAN of the vRack, in one or more regions."""

    id: str
    name: str
    vlan_id: int
    status: str
    regions: tuple[NetworkRegion, ...]

    def in_region(self, region: str) -> NetworkRegion | None:
        """Return the network's part in *region*."""
        return next((part for part in self.regions if part.region == region), None)

    def openstack_id_in(self, region: str) -> str:
        """
        Return the id that instances in *region* are connected to.

        Raises:
            OvhNotFound: the network is not there, or not yet.
        """
        part = self.in_region(region)
        if part is None or part.openstack_id is None:
            raise OvhNotFound(
                f"private network {self.name} is not ready in {region}", next_step="run the command again"
            )
        return part.openstack_id

    def is_active_in(self, region: str) -> bool:
        """Whether instances can be connected to it in *region*."""
        part = self.in_region(region)
        return self.status == ACTIVE and part is not None and part.status == ACTIVE and part.openstack_id is not None


@dataclass(frozen=True)
class Subnet:
    """The addresses of a private network in one region; *region* is empty where the API does not tell it."""

    id: str
    network_id: str
    region: str
    cidr: IPv4Network
    gateway: IPv4Address | None
    dhcp: bool


def list_private_networks(api: OvhApi) -> tuple[PrivateNetwork, ...]:
    """Return the private networks of the project."""
    return tuple(_network(item) for item in api.get(api.in_project("/network/private")))


def get_private_network(api: OvhApi, network_id: str) -> PrivateNetwork:
    """Return one private network."""
    return _network(api.get(api.in_project(f"/network/private/{network_id}")))


def create_private_network(api: OvhApi, name: str, vlan_id: int, *regions: str) -> PrivateNetwork:
    """Create a private network in the *regions*; it is BUILDING at first. The project must be in a vRack."""
    body = {"name": name, "vlanId": vlan_id, "regions": list(regions)}
    return _network(api.post(api.in_project("/network/private"), body))


def activate_region(api: OvhApi, network_id: str, region: str) -> PrivateNetwork:
    """Let a private network be in one more region, where it is BUILDING at first; it needs a subnet of its own there."""
    return _network(api.post(api.in_project(f"/network/private/{network_id}/region"), {"region": region}))


def deactivate_region(api: OvhApi, region: str, openstack_id: str) -> None:
    """
    Take a private network, by its id in the region, out of the region with its subnets.

    Refused while something is connected to it there. The call is the Terraform provider's
    (``resource_cloud_project_network_private.go``).
    """
    api.delete(api.in_project(f"/region/{region}/network/{openstack_id}"))


def rename_private_network(api: OvhApi, network_id: str, name: str) -> None:
    """Rename a private network."""
    api.put(api.in_project(f"/network/private/{network_id}"), {"name": name})


def delete_private_network(api: OvhApi, network_id: str) -> None:
    """Delete a network; refused while something is connected to it."""
    api.delete(api.in_project(f"/network/private/{network_id}"))


def list_subnets(api: OvhApi, network_id: str) -> tuple[Subnet, ...]:
    """Return the subnets of a private network, in all its regions."""
    return tuple(_subnet(item, network_id) for item in api.get(api.in_project(f"/network/private/{network_id}/subnet")))


def create_subnet(  # noqa: PLR0913 - what a subnet is
    api: OvhApi,
    network_id: str,
    cidr: IPv4Network,
    region: str,
    *,
    pool: tuple[IPv4Address, IPv4Address] | None = None,
    with_gateway: bool = False,
) -> Subnet:
    """
    Create the subnet of a region for our nodes: without DHCP, and without a gateway unless one is wanted.

    A gateway on the private side competes for the default route of a node with two NICs: only where an OVH gateway
    is to stand (NAT, floating IPs) there must be one. DHCP would take addresses out of the same range, and fight with
    the static address that we configure.

    Args:
        api: where.
        network_id: the private network, active in the region.
        cidr: its addresses; the same in all regions of a network.
        region: where the subnet is.
        pool: first and last of the addresses that OVH itself may give to gateways and load balancers; all of them by
            default. Keep the nodes' addresses out of it, and the pools of two regions apart.
        with_gateway: whether the first address is a gateway's.
    """
    first, last = pool or (cidr[2 if with_gateway else 1], cidr[-2])
    body = {
        "network": str(cidr),
        "start": str(first),
        "end": str(last),
        "dhcp": False,
        "noGateway": not with_gateway,
        "region": region,
    }
    return _subnet(api.post(api.in_project(f"/network/private/{network_id}/subnet"), body), network_id)


def give_gateway_address(api: OvhApi, network_id: str, subnet_id: str, address: IPv4Address) -> None:
    """
    Give a subnet that has none a gateway address, so that a gateway can stand in it.

    The body is OVH's type ``cloud.ProjectNetworkPrivateSubnetUpdate`` (dhcp, disableGateway, gatewayIp); what its DHCP
    and instances that run make of it is not documented: ours have static addresses.
    """
    body = {"dhcp": False, "disableGateway": False, "gatewayIp": str(address)}
    api.put(api.in_project(f"/network/private/{network_id}/subnet/{subnet_id}"), body)


def delete_subnet(api: OvhApi, network_id: str, subnet_id: str) -> None:
    """Delete a subnet; refused while something has an address of it."""
    api.delete(api.in_project(f"/network/private/{network_id}/subnet/{subnet_id}"))


def list_public_networks(api: OvhApi) -> tuple[PrivateNetwork, ...]:
    """Return the networks that give public addresses: they have the private ones' shape, and no VLAN."""
    return tuple(_network(item) for item in api.get(api.in_project("/network/public")))


def public_network_in(networks: tuple[PrivateNetwork, ...], region: str) -> str:
    """
    Return the id, in *region*, of the one of the public *networks* that is there.

    Raises:
        OvhNotFound: the region has none.
    """
    for network in networks:
        part = network.in_region(region)
        if part is not None and part.openstack_id is not None:
            return part.openstack_id
    raise OvhNotFound(
        f"no public network in region {region}",
        cause="the project has not activated this region",
        next_step="choose another region in fleet.yaml, or activate it in the OVH manager",
    )


def _network(item: dict[str, Any]) -> PrivateNetwork:
    return PrivateNetwork(
        id=item["id"],
        name=item["name"],
        vlan_id=int(item.get("vlanId") or 0),
        status=item.get("status") or ACTIVE,
        regions=tuple(
            NetworkRegion(part["region"], part["status"], part.get("openstackId")) for part in item.get("regions") or ()
        ),
    )


def _subnet(item: dict[str, Any], network_id: str) -> Subnet:
    gateway = item.get("gatewayIp")
    return Subnet(
        id=item["id"],
        network_id=network_id,
        region=next((pool["region"] for pool in item.get("ipPools") or ()), ""),
        cidr=IPv4Network(item["cidr"]),
        gateway=IPv4Address(gateway) if gateway else None,
        dhcp=bool(item.get("dhcpEnabled")),
    )
