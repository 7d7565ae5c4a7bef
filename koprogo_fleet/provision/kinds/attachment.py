"""Attachments: each node's volume at its instance."""

from __future__ import annotations

from collections.abc import Iterator

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.volumes import (
    AVAILABLE,
    DETACHING,
    ERROR,
    IN_USE,
    Volume,
    attach_volume,
    detach_volume,
)
from koprogo_fleet.provision.kind import Existing, Kind, Refuse, Replace, Verdict, Wanted
from koprogo_fleet.provision.kinds.instance import INSTANCE, INSTANCES
from koprogo_fleet.provision.kinds.volume import VOLUME, VOLUMES
from koprogo_fleet.provision.lists import Lists
from koprogo_fleet.provision.names import pool_of
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.view import View


class AttachmentKind(Kind[None, Volume]):
    """Volumes that are attached, named like their nodes; the id is that of the volume and that of the instance."""

    noun = "attachment of volume"
    lists = (VOLUMES, INSTANCES)
    ready_when = "finished"
    seconds = 360.0
    tie = True

    def wanted(self, fleet: Fleet) -> Iterator[Wanted[None]]:
        """Return one for each node with a volume."""
        for node in fleet.nodes:
            if node.volume is not None:
                yield Wanted(node.name, None, (VOLUME.ref(node.name), INSTANCE.ref(node.name)))

    def existing(self, lists: Lists, _fleet: Fleet) -> Iterator[Existing[Volume]]:
        """Return the volumes that are attached."""
        names = {instance.id: instance.name for instance in lists.of(INSTANCES)}
        for volume in lists.of(VOLUMES):
            if volume.attached_to:
                owners = tuple(INSTANCE.ref(names[owner]) for owner in volume.attached_to if owner in names)
                yield Existing(
                    volume.name, _id(volume.id, *volume.attached_to), volume, (VOLUME.ref(volume.name), *owners)
                )

    def surplus(self, fleet: Fleet, name: str) -> bool:
        """Those go whose volumes go."""
        return pool_of(fleet, name) is not None

    def describe(self, wanted: Wanted[None], _view: View) -> str:
        """Return to what."""
        return f"to {wanted.name}"

    def compare(self, wanted: Wanted[None], existing: Existing[Volume], view: View) -> Iterator[Verdict]:
        """Move it with the node's instance or volume; from any other instance a person has to take it."""
        owners = existing.value.attached_to
        old, new = f"attached to {', '.join(owners)}", f"to {wanted.name}"
        volume, instance = view.find(VOLUME, wanted.name), view.find(INSTANCE, wanted.name)
        former = {item.id for item in view.of(INSTANCES) if item.name == wanted.name}
        if not former.issuperset(owners):
            yield Refuse(old, new, f"detach volume {existing.value.id} at OVH: it is {old}")
        elif volume is None or instance is None or owners != (instance.id,) or existing.value.status == DETACHING:
            yield Replace(old, "to the new instance" if instance is None else new)

    def lacks(self, _wanted: Wanted[None], volume: Volume) -> str:
        """Return the volume's status until it is in use."""
        return "" if volume.status == IN_USE else f"status {volume.status}"

    def undone(self, wanted: Wanted[None], lists: Lists) -> str:
        """
        Return the status of a volume that is free again, or in error.

        Nova gives a volume that it cannot attach back to Cinder, which makes it available (compute manager,
        ``_attach_volume``: ``unreserve_volume``, later ``attachment_delete``); what went wrong is told in the instance's
        actions, which OVH's API does not show.
        """
        found = (item for item in lists.of(VOLUMES) if item.name == wanted.name)
        return next((f"volume in status {item.status}" for item in found if _cannot_come(item)), "")

    def failure_cause(self, wanted: Wanted[None]) -> str:
        """Return that nobody tells; the volume keeps what it holds."""
        return f"OVH gives no reason; volume {wanted.name} keeps what it holds"

    def create(self, wanted: Wanted[None], site: Site) -> str:
        """Attach it."""
        volume, instance = site.need(VOLUME, wanted.name), site.need(INSTANCE, wanted.name)
        attach_volume(site.api, volume.id, instance.id)
        return _id(volume.id, instance.id)

    def delete(self, existing: Existing[Volume], site: Site) -> None:
        """Detach it."""
        for owner in existing.value.attached_to:
            detach_volume(site.api, existing.value.id, owner)


ATTACHMENT = AttachmentKind()


def _cannot_come(volume: Volume) -> bool:
    return volume.status.startswith(ERROR) or (volume.status == AVAILABLE and not volume.attached_to)


def _id(volume: str, *instances: str) -> str:
    return f"{volume} at {' and '.join(instances)}"
