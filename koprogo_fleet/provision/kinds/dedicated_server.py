"""Dedicated servers that one owns: brought into the vRack, and otherwise left as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.fleet import DedicatedServer, Fleet
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.dedicated_servers import VrackSide, get_vrack_side, list_servers
from koprogo_fleet.ovh.vracks import attach_interface, attach_server
from koprogo_fleet.provision.kind import Existing, Kind, Refuse, Wanted
from koprogo_fleet.provision.kinds.project_vrack import VRACK_OF_PROJECT, needs_of_vrack, stays_where_it_is, vrack_of
from koprogo_fleet.provision.lists import Listing, Lists
from koprogo_fleet.provision.operations import wait_for_vrack
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.view import View


@dataclass(frozen=True)
class OwnedServer:
    """A server of the account that fleet.yaml names; *side* is None if it has no private NIC."""

    service: str
    side: VrackSide | None


def _read(api: OvhApi, fleet: Fleet, _lists: Lists) -> tuple[OwnedServer, ...]:
    named = {server.service for server in fleet.dedicated_servers}
    owned = sorted(named.intersection(list_servers(api))) if named else ()
    return tuple(OwnedServer(service, get_vrack_side(api, service)) for service in owned)


OWNED_SERVERS = Listing("dedicated servers", _read)


class DedicatedServerKind(Kind[DedicatedServer, VrackSide]):
    """
    Dedicated servers in the vRack, by their names in fleet.yaml.

    They are bought, so that none is created or deleted; and what else they do in the vRack nobody knows, so that none
    is taken out of it.
    """

    noun = "dedicated server"
    lists = (OWNED_SERVERS, VRACK_OF_PROJECT)
    ready_when = "in the vRack"
    tie = True

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[DedicatedServer]]:
        """Return all that fleet.yaml names."""
        needs = needs_of_vrack(fleet)
        for server in fleet.dedicated_servers:
            yield Wanted(server.name, server, needs)

    def existing(self, lists: Lists, fleet: Fleet) -> Iterator[Existing[VrackSide]]:
        """Return those that are in a vRack."""
        names = {server.service: server.name for server in fleet.dedicated_servers}
        for owned in lists.of(OWNED_SERVERS):
            if owned.side is not None and owned.side.vrack_id is not None:
                yield Existing(names[owned.service], owned.service, owned.side)

    def owns(self, _fleet: Fleet, _name: str) -> bool:
        """Whether it is the fleet's, to be deleted: never."""
        return False

    def describe(self, wanted: Wanted[DedicatedServer], view: View) -> str:
        """Return where it is attached."""
        return f"{wanted.spec.service} into vRack {vrack_of(view.fleet, view)}"

    def check(self, new: Sequence[Wanted[DedicatedServer]], view: View) -> None:
        """
        Find every server, its private NIC, and the vRack.

        Raises:
            InputError: the account has no such server, or it has no private NIC; or the project is in no vRack.
        """
        if new and vrack_of(view.fleet, view) is None:
            raise InputError(
                "dedicated servers need a vRack, and the project is in none",
                next_step="name the vRack in fleet.yaml: network.vrack_service",
            )
        found = {owned.service: owned for owned in view.of(OWNED_SERVERS)}
        for wanted in new:
            service = wanted.spec.service
            if service not in found:
                raise InputError(
                    f"{wanted.name}: the account has no dedicated server {service}",
                    cause="another name, another account, or credentials that may not see it",
                    next_step="koprogo-fleet auth ovh --server NAME; then look at dedicated_servers in fleet.yaml",
                )
            if found[service].side is None:
                raise InputError(
                    f"{wanted.name}: the server {service} has no private network interface",
                    cause="its model has none, or both are one public aggregation (OLA)",
                    next_step="look at its network interfaces in the OVH manager, or take it out of fleet.yaml",
                )

    def compare(self, wanted: Wanted[DedicatedServer], existing: Existing[VrackSide], view: View) -> Iterator[Refuse]:
        """Refuse to take it out of another vRack."""
        return stays_where_it_is(wanted.spec.service, existing.value.vrack_id, view)

    def create(self, wanted: Wanted[DedicatedServer], site: Site) -> str:
        """Attach it, and wait for the task: it alone tells that OVH gave up."""
        service, vrack = wanted.spec.service, vrack_of(site.fleet, site)
        side = next(owned.side for owned in site.of(OWNED_SERVERS) if owned.service == service)
        assert vrack is not None  # noqa: S101 - the check's promise
        assert side is not None  # noqa: S101 - the check's promise
        if side.interface_uuid is not None:
            task = attach_interface(site.api, vrack, side.interface_uuid)
        else:
            task = attach_server(site.api, vrack, service)
        wait_for_vrack(site, task, wanted.name)
        return service

    def delete(self, existing: Existing[VrackSide], _site: Site) -> None:
        """Refuse: it is owned."""
        raise NotImplementedError(f"{existing.name} is owned: nothing deletes it")


DEDICATED_SERVER = DedicatedServerKind()
