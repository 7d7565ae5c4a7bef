"""Block volumes: one for each node of a pool that asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.cost import items
from koprogo_fleet.ovh.volumes import (
    AVAILABLE,
    DELETING,
    ERROR,
    IN_USE,
    Volume,
    create_volume,
    delete_volume,
    list_volumes,
    upsize_volume,
)
from koprogo_fleet.provision.kind import Change, Existing, Kind, Replace, Verdict, Wanted
from koprogo_fleet.provision.lists import Listing, Lists
from koprogo_fleet.provision.names import pool_of
from koprogo_fleet.provision.quota import QUOTAS, refuse_over_quota
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.view import View

VOLUMES = Listing("volumes", lambda api, _fleet, _lists: list_volumes(api))


@dataclass(frozen=True)
class VolumeSpec:
    """A volume; *type* is OVH's word for its speed."""

    size_gb: int
    type: str
    region: str

    def __str__(self) -> str:
        return f"{self.size_gb} GB {self.type}, {self.region}"


class VolumeKind(Kind[VolumeSpec, Volume]):
    """Volumes, named like their nodes. Terraform's provider waits six minutes for one, too."""

    noun = "volume"
    lists = (VOLUMES, QUOTAS)
    ready_when = "ready"
    seconds = 360.0
    holds_data = True

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[VolumeSpec]]:
        """Return those of all nodes."""
        for node in fleet.nodes:
            if node.volume is not None:
                yield Wanted(node.name, VolumeSpec(node.volume.size_gb, node.volume.type, node.region))

    def existing(self, lists: Lists, _fleet: Fleet) -> Iterator[Existing[Volume]]:
        """Return all volumes: one in a wrong region is a mistake to report."""
        for volume in lists.of(VOLUMES):
            yield Existing(volume.name, volume.id, volume)

    def surplus(self, fleet: Fleet, name: str) -> bool:
        """Those go whose pool became smaller, or wants no volumes any more."""
        return pool_of(fleet, name) is not None

    def describe(self, wanted: Wanted[VolumeSpec], _view: View) -> str:
        """Return its size, type and region."""
        return str(wanted.spec)

    def check(self, new: Sequence[Wanted[VolumeSpec]], view: View) -> None:
        """
        Count the new ones against the quota; what replaces another needs no more than it.

        Raises:
            InputError: the quota does not suffice.
        """
        there = {volume.name for volume in view.of(VOLUMES)}
        more = (wanted.spec for wanted in new if wanted.name not in there)
        refuse_over_quota(view, ((spec.region, {"volumes": 1, "volume_gb": spec.size_gb}) for spec in more))

    def compare(self, wanted: Wanted[VolumeSpec], existing: Existing[Volume], _view: View) -> Iterator[Verdict]:
        """Grow it in place; whatever else differs cannot be changed."""
        volume, spec = existing.value, wanted.spec
        now = VolumeSpec(volume.size_gb, volume.type, volume.region)
        if volume.status == DELETING:
            yield Replace(DELETING, "created again", loses_data=False)
        elif (now.type, now.region) != (spec.type, spec.region) or now.size_gb > spec.size_gb:
            yield Replace(str(now), str(spec))
        elif now.size_gb < spec.size_gb:
            yield Change(str(now), str(spec))

    def lacks(self, wanted: Wanted[VolumeSpec], volume: Volume) -> str:
        """Return its status until it is at rest, with its full size."""
        at_rest = volume.status in {AVAILABLE, IN_USE} and volume.size_gb >= wanted.spec.size_gb
        return "" if at_rest else f"status {volume.status}, {volume.size_gb} GB"

    def failed(self, volume: Volume) -> str:
        """Return its status if that is one of OVH's many errors."""
        return volume.status if volume.status.startswith(ERROR) else ""

    def billed(self, wanted: Wanted[VolumeSpec]) -> items.Wanted:
        """Return its size and type."""
        spec = wanted.spec
        return items.Wanted(items.Kind.VOLUME, wanted.name, spec.region, spec.type, size_gb=spec.size_gb)

    def billed_now(self, existing: Existing[Volume], _lists: Lists) -> items.Wanted:
        """Return its size and type."""
        volume = existing.value
        return items.Wanted(items.Kind.VOLUME, existing.name, volume.region, volume.type, size_gb=volume.size_gb)

    def create(self, wanted: Wanted[VolumeSpec], site: Site) -> str:
        """Create it, empty."""
        spec = wanted.spec
        return create_volume(site.api, wanted.name, spec.region, spec.size_gb, spec.type).id

    def change(self, wanted: Wanted[VolumeSpec], existing: Existing[Volume], site: Site) -> None:
        """Make it larger."""
        upsize_volume(site.api, existing.id, wanted.spec.size_gb)

    def delete(self, existing: Existing[Volume], site: Site) -> None:
        """Delete it, with what it holds; refused while it is attached."""
        delete_volume(site.api, existing.id)


VOLUME = VolumeKind()
