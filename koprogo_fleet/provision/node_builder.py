"""Carrying out the steps of one node, in order."""

from __future__ import annotations

from collections.abc import Sequence

from koprogo_fleet.ovh import instances, volumes
from koprogo_fleet.provision.actions import AttachVolume, BuildInstance, CreateVolume, NodeAction, StartInstance
from koprogo_fleet.provision.instance_builder import InstanceBuilder
from koprogo_fleet.provision.once import Shared
from koprogo_fleet.provision.surroundings import HostKeys, Surroundings
from koprogo_fleet.provision.volume_builder import VolumeBuilder


class NodeBuilder:
    """Builds nodes, from many threads at once: one call reads each list for all that wait."""

    def __init__(self, around: Surroundings, host_keys: HostKeys) -> None:
        api = around.api
        self._instances_listed = Shared(lambda: instances.list_instances(api), around.limits.look_every)
        self._volumes_listed = Shared(lambda: volumes.list_volumes(api), around.limits.look_every)
        self._instances = InstanceBuilder(around, host_keys, self._instances_listed)
        self._volumes = VolumeBuilder(around, self._volumes_listed)

    def build(self, actions: Sequence[NodeAction]) -> None:
        """
        Carry out the *actions* of one node.

        Raises:
            OvhError: the API refuses, or an instance ended in ERROR twice.
            WaitTimeout: something took longer than its limit.
        """
        for action in actions:
            match action:
                case CreateVolume():
                    self._volumes.create(action)
                case BuildInstance():
                    self._instances.build(action)
                case StartInstance():
                    self._instances.start(action)
                case AttachVolume(node):
                    self._volumes.attach(action, self._instances.id_of(node))

    def stop(self) -> None:
        """End all the waits at their next look."""
        self._instances_listed.stop()
        self._volumes_listed.stop()
