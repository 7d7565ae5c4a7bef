"""The public address of the fleet's load balancer."""

from __future__ import annotations

from collections.abc import Iterator

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.cost import items
from koprogo_fleet.ovh import floating_ips as calls
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.floating_ips import FloatingIp
from koprogo_fleet.provision.kind import Change, Existing, Kind, Replace, Verdict, Wanted
from koprogo_fleet.provision.kinds.gateway import GATEWAY, gateway_name
from koprogo_fleet.provision.kinds.load_balancer import LOAD_BALANCER, LOAD_BALANCERS
from koprogo_fleet.provision.lists import Listing, Lists
from koprogo_fleet.provision.operations import made
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.view import View


def _read(api: OvhApi, _fleet: Fleet, lists: Lists) -> tuple[FloatingIp, ...]:
    """Return those of the regions that have a load balancer: others cannot be told apart."""
    regions = dict.fromkeys(item.balancer.region for item in lists.of(LOAD_BALANCERS))
    return tuple(address for region in regions for address in calls.list_floating_ips(api, region))


FLOATING_IPS = Listing("floating IPs", _read)


class FloatingIpKind(Kind[str, FloatingIp]):
    """
    Floating IPs of load balancers, by their regions, and by the names of the load balancers: they have none.

    One is created when its load balancer is active, and moves to the one that replaces it: the address that the DNS
    knows stays. Without its load balancer nobody can tell whose it is, so that it goes first.
    """

    noun = "floating IP"
    lists = (LOAD_BALANCERS, FLOATING_IPS)
    ready_when = "active"

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[str]]:
        """Return one for the load balancer."""
        for balancer in LOAD_BALANCER.wanted(fleet):
            needs = (LOAD_BALANCER.ref(balancer.name), GATEWAY.ref(gateway_name(fleet)))
            yield Wanted(balancer.name, balancer.spec.region, needs)

    def existing(self, lists: Lists, fleet: Fleet) -> Iterator[Existing[FloatingIp]]:
        """Return those that lead to load balancers."""
        names = {item.balancer.id: item.balancer.name for item in lists.of(LOAD_BALANCERS)}
        for address in lists.of(FLOATING_IPS):
            if address.entity_id in names:
                name = names[address.entity_id]
                needs = (LOAD_BALANCER.ref(name), GATEWAY.ref(gateway_name(fleet)))
                yield Existing(name, address.id, address, needs)

    def describe(self, wanted: Wanted[str], _view: View) -> str:
        """Return what it leads to."""
        return f"to the load balancer, {wanted.spec}"

    def compare(self, wanted: Wanted[str], existing: Existing[FloatingIp], view: View) -> Iterator[Verdict]:
        """Move it with its load balancer, unless that moves to another region."""
        if existing.value.region != wanted.spec:
            yield Replace(existing.value.region, wanted.spec)
        elif view.find(LOAD_BALANCER, wanted.name) is None:
            yield Change(f"{existing.value.ip} to the old load balancer", "to the new one")

    def lacks(self, _wanted: Wanted[str], address: FloatingIp) -> str:
        """Return its status until it is active."""
        return "" if address.status == calls.ACTIVE else f"status {address.status}"

    def failed(self, address: FloatingIp) -> str:
        """Return its status if that is OVH's error."""
        return calls.ERROR if address.status == calls.ERROR else ""

    def billed(self, wanted: Wanted[str]) -> items.Wanted:
        """Return it: all cost the same."""
        return items.Wanted(items.Kind.FLOATING_IP, wanted.name, wanted.spec)

    def billed_now(self, existing: Existing[FloatingIp], _lists: Lists) -> items.Wanted:
        """Return the same of one that exists."""
        return items.Wanted(items.Kind.FLOATING_IP, existing.name, existing.value.region)

    def create(self, wanted: Wanted[str], site: Site) -> str:
        """Create it on the load balancer."""
        balancer = site.need(LOAD_BALANCER, wanted.name).balancer
        operation = calls.create_on_load_balancer(site.api, wanted.spec, balancer.id, balancer.vip)
        return made(site, operation, calls.CREATED)

    def change(self, wanted: Wanted[str], existing: Existing[FloatingIp], site: Site) -> None:
        """Let it lead to the new load balancer."""
        balancer = site.need(LOAD_BALANCER, wanted.name).balancer
        calls.attach_to_load_balancer(site.api, wanted.spec, balancer.id, balancer.vip, existing.id)

    def delete(self, existing: Existing[FloatingIp], site: Site) -> None:
        """Give the address back."""
        calls.delete_floating_ip(site.api, existing.value.region, existing.id)


FLOATING_IP = FloatingIpKind()
