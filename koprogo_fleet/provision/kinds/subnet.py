"""The addresses of the fleet's private network: one CIDR, with a subnet in every region."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.networks import Subnet, create_subnet, delete_subnet, give_gateway_address, list_subnets
from koprogo_fleet.provision.kind import Change, Existing, Kind, Refuse, Verdict, Wanted
from koprogo_fleet.provision.kinds.network import NETWORK, NETWORKS, network_name
from koprogo_fleet.provision.lists import Listing, Lists
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.view import View


def _of_the_fleet(api: OvhApi, fleet: Fleet, lists: Lists) -> tuple[Subnet, ...]:
    own = (network.id for network in lists.of(NETWORKS) if network.name == network_name(fleet))
    return tuple(subnet for network_id in own for subnet in list_subnets(api, network_id))


SUBNETS = Listing("subnets", _of_the_fleet)


def subnet_name(fleet: Fleet, region: str) -> str:
    """Return what we call the fleet's subnet in *region*; OVH gives it no name."""
    return f"{network_name(fleet)}/{region}"


@dataclass(frozen=True)
class SubnetSpec:
    """
    A subnet: OVH may give away the addresses from *first* to *last* by itself.

    *gateway* is the address for a gateway to stand in it; None where there is none.
    """

    region: str
    cidr: IPv4Network
    first: IPv4Address
    last: IPv4Address
    gateway: IPv4Address | None = None

    @property
    def gateway_shown(self) -> str:
        """The gateway address, in words."""
        return f"gateway {self.gateway}" if self.gateway else "no gateway"


class SubnetKind(Kind[SubnetSpec, Subnet]):
    """
    Subnets. The network is one segment over all regions, so they share a CIDR and must not share a range.

    The ranges are equal shares of the CIDR, in the order of the fleet's regions (OVH's guide for vRack networks over
    several regions: the same CIDR, disjoint allocation pools). Where a gateway is wanted, its region's is the end of
    the CIDR, which no node may be in: OVH takes addresses for gateways and load balancers from there. Nodes are not
    bound by the ranges: fleet.yaml says their addresses. So a subnet that exists keeps its range.
    """

    noun = "subnet"
    lists = (NETWORKS, SUBNETS)
    ready_when = "as it has to be"

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[SubnetSpec]]:
        """Return one for each region; the gateway stands in the fleet's own."""
        network = fleet.network
        needs = (NETWORK.ref(network_name(fleet)),)
        if network.gateway is None:
            shares = _shares(network.vrack, network.vrack[-2], fleet.regions)
        else:
            others = fleet.regions[1:]
            spec = SubnetSpec(fleet.region, network.vrack, *network.given_away, network.gateway_address)
            yield Wanted(subnet_name(fleet, fleet.region), spec, needs)
            shares = _shares(network.vrack, network.reserved[0] - 1, others, first=2) if others else {}
        for region, (first, last) in shares.items():
            yield Wanted(subnet_name(fleet, region), SubnetSpec(region, network.vrack, first, last), needs)

    def existing(self, lists: Lists, fleet: Fleet) -> Iterator[Existing[Subnet]]:
        """Return those of the fleet's network."""
        for subnet in lists.of(SUBNETS):
            needs = (NETWORK.ref(network_name(fleet)),)
            yield Existing(subnet_name(fleet, subnet.region), subnet.id, subnet, needs)

    def surplus(self, _fleet: Fleet, _name: str) -> bool:
        """Those in regions that the fleet has left go."""
        return True

    def describe(self, wanted: Wanted[SubnetSpec], view: View) -> str:
        """Return the CIDR, and where there is more than one region, this one's range."""
        spec = wanted.spec
        alone = len(view.fleet.regions) == 1
        return f"{spec.cidr}{'' if alone else f' ({spec.first} to {spec.last})'}, {spec.gateway_shown}, no DHCP"

    def compare(self, wanted: Wanted[SubnetSpec], existing: Existing[Subnet], _view: View) -> Iterator[Verdict]:
        """Give it a gateway address that it lacks; refuse other addresses and another gateway: nodes are in it."""
        subnet = existing.value
        if subnet.cidr != wanted.spec.cidr:
            next_step = "change network.vrack in fleet.yaml back: a subnet cannot be changed while nodes are in it"
            yield Refuse(str(subnet.cidr), str(wanted.spec.cidr), next_step)
        elif subnet.gateway is None and wanted.spec.gateway is not None:
            yield Change("no gateway", wanted.spec.gateway_shown)
        elif subnet.gateway != wanted.spec.gateway:
            next_step = (
                "delete the subnet at OVH while no node is in it: its gateway takes the nodes' default route; "
                "or ask for a gateway in fleet.yaml (network.gateway)"
            )
            yield Refuse(f"gateway {subnet.gateway}", wanted.spec.gateway_shown, next_step)

    def lacks(self, wanted: Wanted[SubnetSpec], subnet: Subnet) -> str:
        """Return that it has no gateway address yet."""
        return "no gateway" if wanted.spec.gateway is not None and subnet.gateway is None else ""

    def create(self, wanted: Wanted[SubnetSpec], site: Site) -> str:
        """Create it, without DHCP."""
        spec, network = wanted.spec, site.need(NETWORK, network_name(site.fleet))
        pool, with_gateway = (spec.first, spec.last), spec.gateway is not None
        return create_subnet(site.api, network.id, spec.cidr, spec.region, pool=pool, with_gateway=with_gateway).id

    def change(self, wanted: Wanted[SubnetSpec], existing: Existing[Subnet], site: Site) -> None:
        """Give it its gateway address."""
        if wanted.spec.gateway is not None:
            give_gateway_address(site.api, existing.value.network_id, existing.id, wanted.spec.gateway)

    def delete(self, existing: Existing[Subnet], site: Site) -> None:
        """Delete it; refused while something has an address in it."""
        delete_subnet(site.api, existing.value.network_id, existing.id)


SUBNET = SubnetKind()


def _shares(
    cidr: IPv4Network, last: IPv4Address, regions: tuple[str, ...], first: int = 1
) -> dict[str, tuple[IPv4Address, IPv4Address]]:
    """Return equal shares of the addresses of *cidr* from its *first* to *last*; the rest belongs to the last share."""
    share = (int(last) - int(cidr[first]) + 1) // len(regions)
    return {
        region: (cidr[first + index * share], cidr[first - 1 + (index + 1) * share] if region != regions[-1] else last)
        for index, region in enumerate(regions)
    }
