"""The place in the vRack of the classic IP Load Balancer, which one has ordered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from koprogo_fleet.core.errors import InputError, OvhNotFound
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.ip_load_balancers import IpLoadBalancer, get_ip_load_balancer
from koprogo_fleet.ovh.vracks import attach_ip_load_balancer
from koprogo_fleet.provision.ip_balancing import wanted_balancing
from koprogo_fleet.provision.kind import Existing, Kind, Refuse, Wanted
from koprogo_fleet.provision.kinds.project_vrack import VRACK_OF_PROJECT, needs_of_vrack, stays_where_it_is, vrack_of
from koprogo_fleet.provision.lists import Listing, Lists
from koprogo_fleet.provision.operations import wait_for_vrack
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.view import View


def _read(api: OvhApi, fleet: Fleet, _lists: Lists) -> IpLoadBalancer | None:
    """Return the service that fleet.yaml names; None if it names none, or the account has none of that name."""
    spec = wanted_balancing(fleet)
    if spec is None:
        return None
    try:
        return get_ip_load_balancer(api, spec.service)
    except OvhNotFound:
        return None


IP_LOAD_BALANCER_SERVICE = Listing("IP Load Balancer", _read)


class BalancerVrackKind(Kind[None, IpLoadBalancer]):
    """
    An IP Load Balancer in a vRack, by the service's name.

    It is bought, and others may be behind it, so that nothing ever takes it out.
    """

    noun = "IP Load Balancer in vRack"
    lists = (IP_LOAD_BALANCER_SERVICE, VRACK_OF_PROJECT)
    ready_when = "attached"
    tie = True

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[None]]:
        """Return the service that fleet.yaml names."""
        if (spec := wanted_balancing(fleet)) is not None:
            yield Wanted(spec.service, None, needs_of_vrack(fleet))

    def existing(self, lists: Lists, _fleet: Fleet) -> Iterator[Existing[IpLoadBalancer]]:
        """Return it if it is in a vRack."""
        service = lists.of(IP_LOAD_BALANCER_SERVICE)
        if service is not None and service.vrack_id is not None:
            yield Existing(service.name, service.name, service)

    def owns(self, _fleet: Fleet, _name: str) -> bool:
        """Whether it is the fleet's, to be deleted: never."""
        return False

    def describe(self, _wanted: Wanted[None], view: View) -> str:
        """Return where it is attached."""
        return f"into vRack {vrack_of(view.fleet, view)}"

    def check(self, new: Sequence[Wanted[None]], view: View) -> None:
        """
        Find the service, and the vRack.

        Raises:
            InputError: the account has no such service, or the project is in no vRack.
        """
        for wanted in new:
            if view.of(IP_LOAD_BALANCER_SERVICE) is None:
                raise InputError(
                    f"the account has no IP Load Balancer {wanted.name}",
                    cause="it is ordered by hand; or another name, or credentials that may not see it",
                    next_step="koprogo-fleet auth ovh; then look at load_balancer.service in fleet.yaml",
                )
            if vrack_of(view.fleet, view) is None:
                raise InputError(
                    "an IP Load Balancer reaches the agents through a vRack, and the project is in none",
                    next_step="name the vRack in fleet.yaml: network.vrack_service",
                )

    def compare(self, wanted: Wanted[None], existing: Existing[IpLoadBalancer], view: View) -> Iterator[Refuse]:
        """Refuse to take it out of another vRack."""
        return stays_where_it_is(wanted.name, existing.value.vrack_id, view)

    def create(self, wanted: Wanted[None], site: Site) -> str:
        """Attach it, and wait for the task: it alone tells that OVH gave up."""
        vrack = vrack_of(site.fleet, site)
        assert vrack is not None  # noqa: S101 - the check's promise
        wait_for_vrack(site, attach_ip_load_balancer(site.api, vrack, wanted.name), wanted.name)
        return wanted.name

    def delete(self, existing: Existing[IpLoadBalancer], _site: Site) -> None:
        """Refuse: it is owned."""
        raise NotImplementedError(f"{existing.name} is owned: nothing takes it out of its vRack")


BALANCER_VRACK = BalancerVrackKind()
