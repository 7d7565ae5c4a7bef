"""The vRack that the Public Cloud project is in."""

from __future__ import annotations

from collections.abc import Iterator

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.vracks import attach_project, find_vrack_of_project
from koprogo_fleet.provision.kind import Existing, Kind, Ref, Refuse, Wanted
from koprogo_fleet.provision.lists import Listing, Lists
from koprogo_fleet.provision.operations import wait_for_vrack
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.view import View


def needs_vrack(fleet: Fleet) -> bool:
    """Whether anything of the fleet but its network has to do with the vRack itself."""
    balancer = fleet.load_balancer
    return bool(
        fleet.network.vrack_service or fleet.dedicated_servers or (balancer is not None and balancer.kind == "ip")
    )


VRACK_OF_PROJECT = Listing(
    "the project's vRack", lambda api, fleet, _lists: find_vrack_of_project(api) if needs_vrack(fleet) else None
)


def vrack_of(fleet: Fleet, lists: Lists) -> str | None:
    """Return the vRack that the fleet's network is in, or will be; None if nobody says."""
    return fleet.network.vrack_service or lists.of(VRACK_OF_PROJECT)


def needs_of_vrack(fleet: Fleet) -> tuple[Ref, ...]:
    """Return what has to be ready before anything else comes into the vRack."""
    return tuple(PROJECT_VRACK.ref(project.name) for project in PROJECT_VRACK.wanted(fleet))


def stays_where_it_is(what: str, now: str | None, view: View) -> Iterator[Refuse]:
    """Refuse to take *what* out of the vRack that it is in *now*, unless that is the fleet's."""
    vrack = vrack_of(view.fleet, view)
    if now != vrack:
        next_step = f"take {what} out of {now} in the OVH manager, if nothing there needs it"
        yield Refuse(f"vRack {now}", f"vRack {vrack}", next_step)


class ProjectVrackKind(Kind[None, str]):
    """
    The project's place in a vRack, by the vRack's service name.

    It is not the fleet's own: others may be in the project, so that nothing ever takes it out.
    """

    noun = "project in vRack"
    lists = (VRACK_OF_PROJECT,)
    ready_when = "attached"
    tie = True

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[None]]:
        """Return the vRack that fleet.yaml names."""
        if fleet.network.vrack_service is not None:
            yield Wanted(fleet.network.vrack_service, None)

    def existing(self, lists: Lists, _fleet: Fleet) -> Iterator[Existing[str]]:
        """Return the vRack that the project is in."""
        if (vrack := lists.of(VRACK_OF_PROJECT)) is not None:
            yield Existing(vrack, vrack, vrack)

    def owns(self, _fleet: Fleet, _name: str) -> bool:
        """Whether it is the fleet's: never."""
        return False

    def describe(self, _wanted: Wanted[None], _view: View) -> str:
        """Return what is done."""
        return "attached"

    def obstacle(self, _wanted: Wanted[None], view: View) -> Refuse | None:
        """Refuse to move the project: what is on its networks would be cut off."""
        now = view.of(VRACK_OF_PROJECT)
        if now is None:
            return None
        next_step = f"write network.vrack_service: {now} in fleet.yaml, or take the project out of {now} at OVH"
        return Refuse("", f"but the project is in {now}", next_step)

    def compare(self, _wanted: Wanted[None], _existing: Existing[str], _view: View) -> Iterator[Refuse]:
        """Return nothing: it is there, or not."""
        return iter(())

    def create(self, wanted: Wanted[None], site: Site) -> str:
        """Attach the project, and wait for the task: it alone tells that OVH gave up."""
        wait_for_vrack(site, attach_project(site.api, wanted.name), "the project")
        return wanted.name

    def delete(self, existing: Existing[str], _site: Site) -> None:
        """Refuse: nothing takes the project out of its vRack."""
        raise NotImplementedError(f"the project stays in {existing.name}")


PROJECT_VRACK = ProjectVrackKind()
