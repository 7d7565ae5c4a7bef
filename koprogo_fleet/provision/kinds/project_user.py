"""The project user whose keys the backups are made with."""

from __future__ import annotations

from collections.abc import Iterator

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.users import (
    OBJECT_STORE_OPERATOR,
    OK,
    ProjectUser,
    create_user,
    delete_user,
    list_users,
)
from koprogo_fleet.provision.kind import Existing, Kind, Refuse, Wanted
from koprogo_fleet.provision.lists import Listing, Lists
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.view import View

USERS = Listing("project users", lambda api, fleet, _lists: list_users(api) if fleet.backups else ())

_ROLES = (OBJECT_STORE_OPERATOR,)
_GOING = {"deleting", "deleted"}


def user_name(fleet: Fleet) -> str:
    """Return the description of the backups' user: OVH chooses the user's name itself."""
    return f"{fleet.name}-backups"


class ProjectUserKind(Kind[None, ProjectUser]):
    """Users, known by their descriptions. The password for OpenStack that OVH makes is dropped: nobody needs it."""

    noun = "project user"
    lists = (USERS,)
    ready_when = "ok"

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[None]]:
        """Return the one user, where there are backups."""
        if fleet.backups is not None:
            yield Wanted(user_name(fleet), None)

    def existing(self, lists: Lists, _fleet: Fleet) -> Iterator[Existing[ProjectUser]]:
        """Return all users of the project that are not on their way out."""
        for user in lists.of(USERS):
            if user.status not in _GOING:
                yield Existing(user.description, str(user.id), user)

    def describe(self, _wanted: Wanted[None], _view: View) -> str:
        """Return the role."""
        return ", ".join(_ROLES)

    def compare(self, wanted: Wanted[None], existing: Existing[ProjectUser], _view: View) -> Iterator[Refuse]:
        """Refuse other roles: they cannot be changed here, and too many are a danger."""
        if set(existing.value.roles) != set(_ROLES):
            next_step = (
                f"give the project user {existing.value.username} ({wanted.name}) this role alone in the OVH manager"
            )
            yield Refuse(", ".join(existing.value.roles) or "no role", ", ".join(_ROLES), next_step)

    def lacks(self, _wanted: Wanted[None], user: ProjectUser) -> str:
        """Return its status until it is ok."""
        return "" if user.status == OK else f"status {user.status}"

    def create(self, wanted: Wanted[None], site: Site) -> str:
        """Create it with its role."""
        return str(create_user(site.api, wanted.name, _ROLES).user.id)

    def delete(self, existing: Existing[ProjectUser], site: Site) -> None:
        """Delete it; its buckets stay."""
        delete_user(site.api, existing.value.id)


PROJECT_USER = ProjectUserKind()
