"""The addresses of the fleet's private network: one CIDR, with a subnet in every region."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.networks import Subnet, create_subnet, delete_subnet, list_subnets
from koprogo_fleet.provision.kind import Existing, Kind, Refuse, Wanted
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
    """A subnet: OVH may give away the addresses from *first* to *last* by itself."""

    region: str
    cidr: IPv4Network
    first: IPv4Address
    last: IPv4Address


class SubnetKind(Kind[SubnetSpec, Subnet]):
    """
    Subnets. The network is one segment over all regions, so they share a CIDR and must not share a range.

    The ranges are equal shares of the CIDR, in the order of the fleet's regions (OVH's guide for vRack networks over
    several regions: the same CIDR, disjoint allocation pools). Nodes are not bound by them: fleet.yaml says their
    addresses. So a subnet that was made while there was one region alone keeps its range.
    """

    noun = "subnet"
    lists = (NETWORKS, SUBNETS)

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[SubnetSpec]]:
        """Return one for each region."""
        cidr, regions = fleet.network.vrack, fleet.regions
        share = (cidr.num_addresses - 2) // len(regions)
        for index, region in enumerate(regions):
            first = cidr[1 + index * share]
            last = cidr[(index + 1) * share] if region != regions[-1] else cidr[-2]
            needs = (NETWORK.ref(network_name(fleet)),)
            yield Wanted(subnet_name(fleet, region), SubnetSpec(region, cidr, first, last), needs)

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
        return f"{spec.cidr}{'' if alone else f' ({spec.first} to {spec.last})'}, no gateway, no DHCP"

    def compare(self, wanted: Wanted[SubnetSpec], existing: Existing[Subnet], _view: View) -> Iterator[Refuse]:
        """Refuse other addresses and a gateway: nodes are in it, and neither can be changed under them."""
        subnet = existing.value
        if subnet.cidr != wanted.spec.cidr:
            next_step = "change network.vrack in fleet.yaml back: a subnet cannot be changed while nodes are in it"
            yield Refuse(str(subnet.cidr), str(wanted.spec.cidr), next_step)
        elif subnet.gateway is not None:
            next_step = "delete the subnet at OVH while no node is in it: its gateway takes the nodes' default route"
            yield Refuse(f"gateway {subnet.gateway}", "no gateway", next_step)

    def create(self, wanted: Wanted[SubnetSpec], site: Site) -> str:
        """Create it, without gateway and DHCP."""
        spec, network = wanted.spec, site.need(NETWORK, network_name(site.fleet))
        return create_subnet(site.api, network.id, spec.cidr, spec.region, pool=(spec.first, spec.last)).id

    def delete(self, existing: Existing[Subnet], site: Site) -> None:
        """Delete it; refused while something has an address in it."""
        delete_subnet(site.api, existing.value.network_id, existing.id)


SUBNET = SubnetKind()
