"""The fleet's part of a classic IP Load Balancer: a private network, farms with their servers, and frontends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from koprogo_fleet.core.errors import OvhError, OvhUnavailable
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.wait import NotYet
from koprogo_fleet.ovh import ip_load_balancers as calls
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.ip_load_balancer_farms import delete_farm, list_farms, list_servers
from koprogo_fleet.ovh.ip_load_balancer_frontends import delete_frontend, list_frontends
from koprogo_fleet.ovh.ip_load_balancers import TCP
from koprogo_fleet.provision.ip_balancing import (
    FarmParts,
    IpBalancing,
    IpBalancingSpec,
    in_the_way,
    wanted_balancing,
)
from koprogo_fleet.provision.ip_balancing_changes import changes
from koprogo_fleet.provision.kind import Change, Existing, Kind, Refuse, Verdict, Wanted
from koprogo_fleet.provision.kinds.balancer_vrack import BALANCER_VRACK, IP_LOAD_BALANCER_SERVICE
from koprogo_fleet.provision.kinds.instance import INSTANCE
from koprogo_fleet.provision.lists import Listing, Lists
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.view import View

_REFRESH_SECONDS = 900.0


def _parts(api: OvhApi, spec: IpBalancingSpec) -> IpBalancing:
    """Read what is on the service: a call for each object, those of others' farms left out."""
    name, service = spec.name, spec.service
    farms = list_farms(api, service, TCP)
    return IpBalancing(
        name,
        networks=calls.list_networks(api, service),
        farms=tuple(
            FarmParts(farm, list_servers(api, service, TCP, farm.id))
            if farm.wanted.name.startswith(f"{name}-")
            else FarmParts(farm)
            for farm in farms
        ),
        frontends=list_frontends(api, service, TCP),
    )


def _read(api: OvhApi, fleet: Fleet, lists: Lists) -> IpBalancing | None:
    spec = wanted_balancing(fleet)
    if spec is None or lists.of(IP_LOAD_BALANCER_SERVICE) is None:
        return None
    return replace(
        _parts(api, spec),
        pending=max(calls.list_pending_changes(api, spec.service).values(), default=0),
        refreshing=bool(calls.list_running_refreshes(api, spec.service)),
    )


IP_BALANCING = Listing("parts of the IP Load Balancer", _read)


class IpLoadBalancerKind(Kind[IpBalancingSpec, IpBalancing]):
    """
    The fleet's part of the service that fleet.yaml names; the service itself is neither made nor deleted.

    Nothing is in force before a refresh, which is made once, after the last change, and puts in force whatever waits on
    the service. OVH tells whether anything does, so that a run that was killed before is known by that. The private
    network is the first to come and the last to go, after the refresh: as long as it is there, something may be left.
    """

    noun = "IP Load Balancer"
    lists = (IP_LOAD_BALANCER_SERVICE, IP_BALANCING)
    ready_when = "in force"

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[IpBalancingSpec]]:
        """Return what the fleet wants on the service, where it is asked for."""
        if (spec := wanted_balancing(fleet)) is not None:
            yield Wanted(spec.name, spec, (BALANCER_VRACK.ref(spec.service),))

    def existing(self, lists: Lists, fleet: Fleet) -> Iterator[Existing[IpBalancing]]:
        """Return what the fleet has on the service, if anything; it goes before the instances that it sends to."""
        spec, now = wanted_balancing(fleet), lists.of(IP_BALANCING)
        if spec is not None and now is not None and now.has_ours:
            servers = {server.wanted.name for item in now.our_farms for server in item.servers}
            yield Existing(spec.name, spec.service, now, tuple(INSTANCE.ref(name) for name in sorted(servers)))

    def describe(self, wanted: Wanted[IpBalancingSpec], _view: View) -> str:
        """Return the service, and where its ports lead."""
        spec = wanted.spec
        ways = (f"{way.port} to {way.node_port} on {len(spec.servers)} agents" for way in spec.ways)
        return f"on {spec.service}, " + ", ".join(ways)

    def obstacle(self, wanted: Wanted[IpBalancingSpec], view: View) -> Refuse | None:
        """Refuse where somebody else's frontend has a port."""
        now = view.of(IP_BALANCING)
        return None if now is None else next(_taken(wanted.spec, now), None)

    def compare(
        self, wanted: Wanted[IpBalancingSpec], existing: Existing[IpBalancing], _view: View
    ) -> Iterator[Verdict]:
        """Change its parts in place, and put in force what is not."""
        spec, now = wanted.spec, existing.value
        if taken := tuple(_taken(spec, now)):
            yield from taken
        elif todo := [change.what for change in changes(spec, now)]:
            yield Change("parts differ", ", ".join(todo))
        elif now.pending and not now.refreshing:
            yield Change(f"{now.pending} changes wait for a refresh", "in force")

    def lacks(self, _wanted: Wanted[IpBalancingSpec], now: IpBalancing) -> str:
        """Return whether a refresh is under way."""
        return "a refresh is under way" if now.refreshing else ""

    def create(self, wanted: Wanted[IpBalancingSpec], site: Site) -> str:
        """
        Make all parts, and put them in force.

        Raises:
            OvhError: a change gave no answer twice, or did not come true.
        """
        try:
            _bring(site, wanted.spec)
        except OvhUnavailable as error:  # that part of it is there must not be taken for all
            raise OvhError.about_the_call_of(
                error,
                error.seen,
                cause=error.cause,
                next_step="run the command again: it goes on where this run ended",
            ) from error
        return wanted.spec.service

    def change(self, wanted: Wanted[IpBalancingSpec], _existing: Existing[IpBalancing], site: Site) -> None:
        """Make the changes that are needed, and put them in force."""
        _bring(site, wanted.spec)

    def delete(self, existing: Existing[IpBalancing], site: Site) -> None:
        """Take the fleet's parts away, and put that in force; others' stay."""
        spec = wanted_balancing(site.fleet)
        assert spec is not None  # noqa: S101 - else there is none
        service, now = existing.id, _parts(site.api, spec)
        for frontend in now.our_frontends:
            delete_frontend(site.api, service, TCP, frontend.id)
        for item in now.our_farms:
            delete_farm(site.api, service, TCP, item.farm.id)
        _refresh(site, service)
        for network in now.our_networks:
            calls.delete_network(site.api, service, network.id)


IP_LOAD_BALANCER = IpLoadBalancerKind()


def _taken(spec: IpBalancingSpec, now: IpBalancing) -> Iterator[Refuse]:
    for port, frontend in in_the_way(spec, now):
        whose = f"the frontend {frontend.wanted.name or '(no name)'} ({frontend.id})"
        next_step = f"delete {whose} of {spec.service} in the OVH manager, or write another port in fleet.yaml"
        yield Refuse(f"port {port} is of {whose}", f"port {port} of the fleet", next_step)


def _bring(site: Site, spec: IpBalancingSpec) -> None:
    """Make changes until none is needed, and put them in force; what has lost its answer is looked for first."""
    done, lost = set[str](), False
    while todo := tuple(changes(spec, _parts(site.api, spec))):
        for change in todo:
            if change.what in done:
                raise OvhError(
                    f"{spec.service}: OVH accepted a change that did not come true: {change.what}",
                    next_step=f"look at the IP Load Balancer {spec.service} in the OVH manager",
                )
            try:
                change.call(site.api)
            except OvhUnavailable:
                if lost:
                    raise
                lost = True
                break
            done.add(change.what)
    _refresh(site, spec.service)


def _refresh(site: Site, service: str) -> None:
    """
    Put in force what waits, if anything does; a refresh that was under way may have come too early for it.

    Terraform's provider does the same: it waits for what runs, looks whether anything waits, refreshes, and waits.
    """

    def settled() -> None:
        if running := calls.list_running_refreshes(site.api, service):
            raise NotYet(f"task {running[0]} is under way")

    def done() -> None:
        if not calls.is_task_done(site.api, task):
            raise NotYet(f"task {task.id} is under way")

    what, next_step = f"{service}: refreshed", f"look at {service} in the OVH manager, then run the command again"
    for is_last in (False, True):
        site.wait(what, settled, seconds=_REFRESH_SECONDS, next_step=next_step)
        if not calls.list_pending_changes(site.api, service):
            return
        try:
            task = calls.refresh(site.api, service)
        except OvhUnavailable:
            if is_last:
                raise
            continue  # it may be under way
        site.wait(what, done, seconds=_REFRESH_SECONDS, next_step=next_step)
        return
