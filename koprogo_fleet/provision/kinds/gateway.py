"""The fleet's gateway: the way out of the private network, and the way in for floating IPs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.cost import items
from koprogo_fleet.ovh.gateways import (
    ACTIVE,
    CREATED,
    ERROR,
    Gateway,
    change_gateway,
    create_gateway,
    delete_gateway,
    list_gateways,
)
from koprogo_fleet.provision.kind import Change, Existing, Kind, Refuse, Replace, Verdict, Wanted
from koprogo_fleet.provision.kinds.network import NETWORK, network_name
from koprogo_fleet.provision.kinds.subnet import SUBNET, subnet_name
from koprogo_fleet.provision.lists import Listing, Lists
from koprogo_fleet.provision.operations import made
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.view import View

GATEWAYS = Listing(
    "gateways",
    lambda api, fleet, _lists: tuple(gateway for region in fleet.regions for gateway in list_gateways(api, region)),
)


def gateway_name(fleet: Fleet) -> str:
    """Return the name of the fleet's gateway."""
    return f"{fleet.name}-gateway"


@dataclass(frozen=True)
class GatewaySpec:
    """A gateway; *model* is its size."""

    region: str
    model: str

    def __str__(self) -> str:
        return f"size {self.model}, {self.region}"


class GatewayKind(Kind[GatewaySpec, Gateway]):
    """Gateways. The network is one segment over all regions, so one gateway, in the fleet's own region, is for all."""

    noun = "gateway"
    lists = (GATEWAYS,)
    ready_when = "active"

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[GatewaySpec]]:
        """Return the one gateway, where it is asked for."""
        if fleet.network.gateway is not None:
            needs = (SUBNET.ref(subnet_name(fleet, fleet.region)),)
            yield Wanted(gateway_name(fleet), GatewaySpec(fleet.region, fleet.network.gateway), needs)

    def existing(self, lists: Lists, fleet: Fleet) -> Iterator[Existing[Gateway]]:
        """Return all gateways in the fleet's regions."""
        for gateway in lists.of(GATEWAYS):
            needs = (SUBNET.ref(subnet_name(fleet, gateway.region)),)
            yield Existing(gateway.name, gateway.id, gateway, needs)

    def describe(self, wanted: Wanted[GatewaySpec], _view: View) -> str:
        """Return its size and region."""
        return str(wanted.spec)

    def obstacle(self, wanted: Wanted[GatewaySpec], view: View) -> Refuse | None:
        """Refuse a second gateway in the subnet."""
        subnet = view.find(SUBNET, subnet_name(view.fleet, wanted.spec.region))
        there = next((one for one in view.of(GATEWAYS) if subnet is not None and subnet.id in one.subnet_ids), None)
        if there is None:
            return None
        next_step = f"rename the gateway {there.name} ({there.id}) at OVH to {wanted.name}, or delete it"
        return Refuse("", f"{wanted.spec}, but the subnet has the gateway {there.name}", next_step)

    def compare(self, wanted: Wanted[GatewaySpec], existing: Existing[Gateway], _view: View) -> Iterator[Verdict]:
        """Make it larger or smaller in place."""
        gateway, spec = existing.value, wanted.spec
        now = GatewaySpec(gateway.region, gateway.model)
        if now.region != spec.region:
            yield Replace(str(now), str(spec))
        elif now != spec:
            yield Change(str(now), str(spec))

    def lacks(self, wanted: Wanted[GatewaySpec], gateway: Gateway) -> str:
        """Return its status until it is active, and has its size."""
        is_ready = gateway.status == ACTIVE and gateway.model == wanted.spec.model
        return "" if is_ready else f"status {gateway.status}, size {gateway.model}"

    def failed(self, gateway: Gateway) -> str:
        """Return its status if that is OVH's error."""
        return ERROR if gateway.status == ERROR else ""

    def lived(self, gateway: Gateway) -> bool:
        """Whether it has stood in a subnet."""
        return bool(gateway.subnet_ids)

    def billed(self, wanted: Wanted[GatewaySpec]) -> items.Wanted:
        """Return its size."""
        return items.Wanted(items.Kind.GATEWAY, wanted.name, wanted.spec.region, wanted.spec.model)

    def billed_now(self, existing: Existing[Gateway], _lists: Lists) -> items.Wanted:
        """Return its size."""
        gateway = existing.value
        return items.Wanted(items.Kind.GATEWAY, existing.name, gateway.region, gateway.model)

    def create(self, wanted: Wanted[GatewaySpec], site: Site) -> str:
        """Create it in the subnet; the answer is an operation, so that the lists tell its id."""
        spec, fleet = wanted.spec, site.fleet
        openstack_id = site.need(NETWORK, network_name(fleet)).openstack_id_in(spec.region)
        subnet = site.need(SUBNET, subnet_name(fleet, spec.region))
        operation = create_gateway(site.api, spec.region, openstack_id, subnet.id, wanted.name, spec.model)
        return made(site, operation, CREATED)

    def change(self, wanted: Wanted[GatewaySpec], existing: Existing[Gateway], site: Site) -> None:
        """Make it larger or smaller."""
        change_gateway(site.api, wanted.spec.region, existing.id, wanted.name, wanted.spec.model)

    def delete(self, existing: Existing[Gateway], site: Site) -> None:
        """Delete it; refused while a floating IP uses it."""
        delete_gateway(site.api, existing.value.region, existing.id)


GATEWAY = GatewayKind()
