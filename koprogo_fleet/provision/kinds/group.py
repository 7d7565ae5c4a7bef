"""Anti-affinity groups: the nodes of a pool on hosts of their own."""

from __future__ import annotations

from collections.abc import Iterator

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.groups import (
    ANTI_AFFINITY,
    InstanceGroup,
    create_anti_affinity_group,
    delete_group,
    list_groups,
)
from koprogo_fleet.provision.kind import Existing, Kind, Refuse, Replace, Verdict, Wanted
from koprogo_fleet.provision.lists import Listing, Lists
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.view import View

GROUPS = Listing("instance groups", lambda api, _fleet, _lists: list_groups(api))


def group_name(fleet: Fleet, pool: str) -> str:
    """Return the name of the anti-affinity group of a pool."""
    return f"{fleet.name}-{pool}"


class GroupKind(Kind[str, InstanceGroup]):
    """Instance groups, by their regions. Members are put in when they are created, and never moved."""

    noun = "instance group"
    lists = (GROUPS,)

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[str]]:
        """Return one for each pool that asks for it and has nodes."""
        for pool in fleet.pools:
            if pool.anti_affinity and pool.count:
                yield Wanted(group_name(fleet, pool.name), fleet.region_of(pool))

    def existing(self, lists: Lists, _fleet: Fleet) -> Iterator[Existing[InstanceGroup]]:
        """Return all groups of the project."""
        for group in lists.of(GROUPS):
            yield Existing(group.name, group.id, group)

    def surplus(self, fleet: Fleet, name: str) -> bool:
        """Those of pools that ask for none any more go; their members stay."""
        return name in {group_name(fleet, pool.name) for pool in fleet.pools}

    def describe(self, wanted: Wanted[str], view: View) -> str:
        """Return its type."""
        return ANTI_AFFINITY if len(view.fleet.regions) == 1 else f"{ANTI_AFFINITY}, {wanted.spec}"

    def compare(self, wanted: Wanted[str], existing: Existing[InstanceGroup], _view: View) -> Iterator[Verdict]:
        """Refuse another type; in another region it cannot have the pool's nodes."""
        group = existing.value
        if group.type != ANTI_AFFINITY:
            next_step = f"delete the instance group {wanted.name} at OVH; its members stay as they are"
            yield Refuse(group.type, ANTI_AFFINITY, next_step)
        elif group.region != wanted.spec:
            yield Replace(group.region, wanted.spec)

    def create(self, wanted: Wanted[str], site: Site) -> str:
        """Create it, empty."""
        return create_anti_affinity_group(site.api, wanted.name, wanted.spec).id

    def created(self, wanted: Wanted[str], object_id: str, _site: Site) -> InstanceGroup:
        """Return it: it can be used at once."""
        return InstanceGroup(object_id, wanted.name, wanted.spec, ANTI_AFFINITY, ())

    def delete(self, existing: Existing[InstanceGroup], site: Site) -> None:
        """Delete it; its members stay."""
        delete_group(site.api, existing.id)


GROUP = GroupKind()
