"""The fleet's load balancer (Octavia): listeners, pools, members and health monitors are parts of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from koprogo_fleet.core.errors import OvhError, OvhNotFound
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.wait import NotYet
from koprogo_fleet.cost import items
from koprogo_fleet.ovh import load_balancers as calls
from koprogo_fleet.ovh.catalogue import find
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.load_balancer_listeners import list_listeners
from koprogo_fleet.ovh.load_balancer_parts import NewListener
from koprogo_fleet.ovh.load_balancer_pools import list_members, list_monitors, list_pools
from koprogo_fleet.ovh.load_balancers import LoadBalancer, LoadBalancerFlavor, NewLoadBalancer
from koprogo_fleet.provision.balancing import Backend, Balancer, balancer_name, wanted_listeners
from koprogo_fleet.provision.balancing_changes import PartChange, changes
from koprogo_fleet.provision.kind import Change, Existing, Kind, Replace, Verdict, Wanted
from koprogo_fleet.provision.kinds.instance import INSTANCE
from koprogo_fleet.provision.kinds.network import NETWORK, network_name
from koprogo_fleet.provision.kinds.subnet import SUBNET, subnet_name
from koprogo_fleet.provision.lists import Listing, Lists
from koprogo_fleet.provision.operations import made
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.view import View

DEFAULT_SIZE = "small"
_SECONDS_EACH = 300.0


def _with_parts(api: OvhApi, balancer: LoadBalancer) -> Balancer:
    region = balancer.region
    monitors = {monitor.pool_id: monitor for monitor in list_monitors(api, region)}
    backends = tuple(
        Backend(pool, list_members(api, region, pool.id), monitors.get(pool.id))
        for pool in list_pools(api, region, balancer.id)
    )
    return Balancer(balancer, list_listeners(api, region, balancer.id), backends)


def _in_region(api: OvhApi, region: str) -> tuple[LoadBalancer, ...]:
    """Return a region's load balancers; where the service does not exist, there are none."""
    try:
        return calls.list_load_balancers(api, region)
    except OvhNotFound:
        return ()


def _read(api: OvhApi, fleet: Fleet, _lists: Lists) -> tuple[Balancer, ...]:
    found = (balancer for region in fleet.regions for balancer in _in_region(api, region))
    return tuple(
        _with_parts(api, balancer) if balancer.name == balancer_name(fleet) else Balancer(balancer)
        for balancer in found
    )


def _sizes(api: OvhApi, fleet: Fleet, lists: Lists) -> tuple[LoadBalancerFlavor, ...]:
    """Return those of the regions where one is wanted, or is; each region has ids of its own for the same names."""
    regions = dict.fromkeys(item.balancer.region for item in lists.of(LOAD_BALANCERS))
    if _is_wanted(fleet):
        regions[fleet.region] = None
    return tuple(size for region in regions for size in calls.list_flavors(api, region))


LOAD_BALANCERS = Listing("load balancers", _read)
LOAD_BALANCER_SIZES = Listing("sizes of load balancers", _sizes)


@dataclass(frozen=True)
class LoadBalancerSpec:
    """A load balancer; *size* is the flavor's name."""

    region: str
    size: str
    listeners: tuple[NewListener, ...]


class LoadBalancerKind(Kind[LoadBalancerSpec, Balancer]):
    """
    Load balancers, created whole by one call, and changed part by part.

    While one change is under way a balancer refuses the next (409), so that :meth:`change` waits between them.
    Nothing is lost with one: its public address is an object of its own, and stays.
    """

    noun = "load balancer"
    lists = (LOAD_BALANCERS, LOAD_BALANCER_SIZES)
    ready_when = "active"

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[LoadBalancerSpec]]:
        """Return the one load balancer, where it is asked for."""
        if _is_wanted(fleet) and fleet.load_balancer is not None:
            size = fleet.load_balancer.size or DEFAULT_SIZE
            needs = (SUBNET.ref(subnet_name(fleet, fleet.region)),)
            yield Wanted(balancer_name(fleet), LoadBalancerSpec(fleet.region, size, wanted_listeners(fleet)), needs)

    def existing(self, lists: Lists, fleet: Fleet) -> Iterator[Existing[Balancer]]:
        """Return all load balancers in the fleet's regions; one goes, or forgets an agent, before the instance does."""
        for item in lists.of(LOAD_BALANCERS):
            members = {member.name for backend in item.backends for member in backend.members}
            needs = (
                SUBNET.ref(subnet_name(fleet, item.balancer.region)),
                *(INSTANCE.ref(name) for name in sorted(members)),
            )
            yield Existing(item.balancer.name, item.balancer.id, item, needs)

    def describe(self, wanted: Wanted[LoadBalancerSpec], _view: View) -> str:
        """Return its size, and where its ports lead."""
        return f"{wanted.spec.size}, " + ", ".join(_described(listener) for listener in wanted.spec.listeners)

    def check(self, new: Sequence[Wanted[LoadBalancerSpec]], view: View) -> None:
        """
        Find its size.

        Raises:
            InputError: the region has no such size, or no load balancers.
        """
        for wanted in new:
            _size_id(view, wanted.spec)

    def compare(self, wanted: Wanted[LoadBalancerSpec], existing: Existing[Balancer], view: View) -> Iterator[Verdict]:
        """Change its size and its parts in place."""
        balancer, spec = existing.value.balancer, wanted.spec
        subnet = view.find(SUBNET, subnet_name(view.fleet, spec.region))
        if balancer.region != spec.region:
            yield Replace(balancer.region, spec.region)
            return
        if balancer.status == "deleting":
            yield Replace(balancer.status, "created again")
            return
        if subnet is None or balancer.subnet_id != subnet.id:
            yield Replace("in another subnet", f"in {spec.region}'s subnet")
            return
        sizes = {size.id: size.name for size in view.of(LOAD_BALANCER_SIZES)}
        now = sizes.get(balancer.flavor_id, spec.size)
        if now != spec.size:
            yield Change(now, spec.size)
        if todo := [change.what for change in changes(spec.listeners, existing.value)]:
            yield Change("parts differ", ", ".join(todo))

    def lacks(self, _wanted: Wanted[LoadBalancerSpec], value: Balancer) -> str:
        """Return its status until it is active."""
        status = value.balancer.status
        return "" if status == calls.ACTIVE else f"status {status}"

    def failed(self, value: Balancer) -> str:
        """Return its status if that is Octavia's error, out of which there is no way but deletion."""
        return value.balancer.status if value.balancer.status == calls.ERROR else ""

    def lived(self, _value: Balancer) -> bool:
        """Whether one that failed may be kept: none may, and nothing is in it."""
        return False

    def billed(self, wanted: Wanted[LoadBalancerSpec]) -> items.Wanted:
        """Return its size."""
        return items.Wanted(items.Kind.LOAD_BALANCER, wanted.name, wanted.spec.region, wanted.spec.size)

    def billed_now(self, existing: Existing[Balancer], lists: Lists) -> items.Wanted:
        """Return its size, by the name that the region has for it."""
        balancer = existing.value.balancer
        sizes = {size.id: size.name for size in lists.of(LOAD_BALANCER_SIZES)}
        size = sizes.get(balancer.flavor_id, "unknown")
        return items.Wanted(items.Kind.LOAD_BALANCER, existing.name, balancer.region, size)

    def create(self, wanted: Wanted[LoadBalancerSpec], site: Site) -> str:
        """Create it with all its parts."""
        spec, fleet = wanted.spec, site.fleet
        new = NewLoadBalancer(
            name=wanted.name,
            region=spec.region,
            flavor_id=_size_id(site, spec),
            network_id=site.need(NETWORK, network_name(fleet)).openstack_id_in(spec.region),
            subnet_id=site.need(SUBNET, subnet_name(fleet, spec.region)).id,
            listeners=spec.listeners,
        )
        return made(site, calls.create_load_balancer(site.api, new), calls.CREATED)

    def change(self, wanted: Wanted[LoadBalancerSpec], existing: Existing[Balancer], site: Site) -> None:
        """
        Make the changes one after the other, each when the balancer is active again, until none is needed.

        Raises:
            OvhError: a change was accepted, and did not come true.
        """
        region, size_id = wanted.spec.region, _size_id(site, wanted.spec)

        def settled() -> LoadBalancer:
            balancer = calls.get_load_balancer(site.api, region, existing.id)
            if balancer.status not in {calls.ACTIVE, calls.ERROR}:
                raise NotYet(f"status {balancer.status}")
            return balancer

        def todo(now: Balancer) -> Iterator[PartChange]:
            if now.balancer.flavor_id != size_id:
                yield PartChange(
                    f"size {wanted.spec.size}",
                    lambda api: calls.change_load_balancer(api, region, existing.id, wanted.name, size_id),
                    lambda before, _: before,
                )
            yield from changes(wanted.spec.listeners, now)

        now, done = existing.value, set[str]()
        reread = now.balancer.status != calls.ACTIVE  # it may not have shown all its parts
        while True:
            balancer = site.wait(f"{wanted.name}: load balancer active", settled, seconds=_SECONDS_EACH)
            now = _with_parts(site.api, balancer) if reread else replace(now, balancer=balancer)
            change = next(todo(now), None)
            if change is None or balancer.status == calls.ERROR:
                return
            if change.what in done and reread:
                raise OvhError(
                    f"{wanted.name}: OVH accepted a change of the load balancer that did not come true: {change.what}",
                    next_step=f"look at the load balancer {existing.id} in the OVH manager",
                )
            reread = change.what in done  # an answer may have shown what was before
            if not reread:
                done.add(change.what)
                now = change.after(now, change.call(site.api))

    def delete(self, existing: Existing[Balancer], site: Site) -> None:
        """Delete it with its parts; refused while a change is under way."""
        calls.delete_load_balancer(site.api, existing.value.balancer.region, existing.id)


LOAD_BALANCER = LoadBalancerKind()


def _is_wanted(fleet: Fleet) -> bool:
    return fleet.load_balancer is not None and fleet.load_balancer.kind == "octavia"


def _size_id(lists: Lists, spec: LoadBalancerSpec) -> str:
    here = [size for size in lists.of(LOAD_BALANCER_SIZES) if size.region == spec.region]
    return find("load balancer size", spec.size, here, spec.region).id


def _described(listener: NewListener) -> str:
    if listener.pool is None or not listener.pool.members:
        return f"{listener.port} to no agent"
    members = listener.pool.members
    return f"{listener.port} to {members[0].port} on {len(members)} agents ({listener.pool.protocol})"
