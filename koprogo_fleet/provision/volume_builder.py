"""Having a node's volume created and attached."""

from __future__ import annotations

from collections.abc import Callable

from koprogo_fleet.core.events import Note
from koprogo_fleet.core.fleet import Node
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.ovh import volumes
from koprogo_fleet.provision.actions import AttachVolume, CreateVolume
from koprogo_fleet.provision.once import Shared, create_once
from koprogo_fleet.provision.resources import volume_name
from koprogo_fleet.provision.surroundings import Surroundings


class VolumeBuilder:
    """Creates and attaches volumes, from many threads at once; one call reads the list for all that wait."""

    def __init__(self, around: Surroundings, listed: Shared[tuple[volumes.Volume, ...]]) -> None:
        self._around = around
        self._listed = listed

    def create(self, action: CreateVolume) -> None:
        """Create the volume; it may be "creating" still when this returns."""
        around, name = self._around, volume_name(action.node)
        create_once(
            f"volume {name}",
            lambda: volumes.create_volume(
                around.api, name, around.fleet.region, action.volume.size_gb, action.volume.type
            ),
            lambda: self._find(name),
            limits=around.limits,
            listener=around.listener,
        )
        around.listener(Note(f"volume {name} created"))

    def attach(self, action: AttachVolume, instance_id: str) -> None:
        """
        Attach the node's volume to its instance, and wait until it is.

        Raises:
            OvhError: the API refuses.
            WaitTimeout: it took too long.
        """
        around, name = self._around, volume_name(action.node)
        volume = self._wait(action.node, "ready", lambda found: found.status in (volumes.AVAILABLE, volumes.IN_USE))
        if volume.status == volumes.AVAILABLE:
            create_once(
                f"attachment of volume {name}",
                lambda: volumes.attach_volume(around.api, volume.id, instance_id),
                lambda: found if (found := self._find(name)) and found.attached_to else None,
                limits=around.limits,
                listener=around.listener,
            )
        self._wait(
            action.node,
            "attached",
            lambda found: found.status == volumes.IN_USE and found.attached_to == (instance_id,),
        )
        around.listener(Note(f"volume {name} attached"))

    def _find(self, name: str) -> volumes.Volume | None:
        return next((volume for volume in self._listed.look() if volume.name == name), None)

    def _wait(self, node: Node, state: str, is_so: Callable[[volumes.Volume], bool]) -> volumes.Volume:
        def look() -> volumes.Volume:
            volume = self._find(volume_name(node))
            if volume is None:
                raise NotYet("not in the list")
            if not is_so(volume):
                raise NotYet(f"status {volume.status}, attached to {', '.join(volume.attached_to) or 'nothing'}")
            return volume

        return wait_for(
            f"{node.name}: volume {state}",
            look,
            seconds=self._around.limits.volume,
            interval=self._around.limits.look_every,
            listener=self._around.listener,
            cause="OVH is slow, or the volume ended in an error",
            next_step=f"look at volume {volume_name(node)} in the OVH manager; run the command again to go on waiting",
        )
