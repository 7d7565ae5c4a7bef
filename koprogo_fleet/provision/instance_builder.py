"""Having a node's instance built: created once, waited for, created again once if OVH failed."""

from __future__ import annotations

import time
from contextlib import suppress

from koprogo_fleet.core.errors import OvhError, OvhNotFound, OvhUnavailable
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.fleet import Node
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.ovh import instances
from koprogo_fleet.provision.actions import BuildInstance, StartInstance
from koprogo_fleet.provision.once import Shared, create_once
from koprogo_fleet.provision.surroundings import HostKeys, Surroundings
from koprogo_fleet.provision.user_data import NodeIdentity, user_data


class InstanceBuilder:
    """Builds instances, from many threads at once; one call reads the list for all that wait."""

    def __init__(
        self, around: Surroundings, host_keys: HostKeys, listed: Shared[tuple[instances.Instance, ...]]
    ) -> None:
        self._around = around
        self._host_keys = host_keys
        self._listed = listed

    def start(self, action: StartInstance) -> None:
        """
        Switch the instance on, and wait until it is ACTIVE.

        Raises:
            OvhError: the API refuses, or the instance ended in ERROR.
            WaitTimeout: it took too long.
        """
        with suppress(OvhUnavailable):  # the wait tells whether it was done
            instances.start_instance(self._around.api, action.instance_id)
        if not self._wait_active(action.node, action.instance_id):
            raise OvhError(
                f"{action.node.name}: the instance ({action.instance_id}) was started and ended in ERROR",
                next_step="look at it in the OVH manager",
            )

    def build(self, action: BuildInstance) -> None:
        """
        Create the instance and wait until it is ACTIVE with its addresses; one that failed is created once more.

        Raises:
            OvhError: the API refuses, or the instance ended in ERROR twice.
            WaitTimeout: it took too long.
        """
        node = action.node
        if action.discard is not None:
            self._delete(node, action.discard)
        instance_id = action.found or self._create(action, but_not=action.discard)
        if self._wait_active(node, instance_id):
            return
        self._around.listener(Note(f"{node.name}: the instance ended in ERROR; it is deleted and created once more"))
        self._delete(node, instance_id)
        instance_id = self._create(action, but_not=instance_id)
        if not self._wait_active(node, instance_id):
            raise OvhError(
                f"{node.name}: the instance ({instance_id}) ended in ERROR twice",
                cause=f"OVH gives no reason; most often it has no room for a {node.flavor} in "
                f"{self._around.fleet.region}"
                + (", or none apart from the others of the anti-affinity group" if node.anti_affinity else ""),
                next_step="run the command again later, or choose another flavor or region in fleet.yaml",
            )

    def id_of(self, node: Node) -> str:
        """
        Return the id of the instance that *node* has.

        Raises:
            OvhNotFound: it has disappeared.
        """
        for instance in self._listed.look():
            if instance.name == node.name and instance.status == instances.ACTIVE:
                return instance.id
        raise OvhNotFound(
            f"instance {node.name} has disappeared, or is not ACTIVE any more", next_step="run the command again"
        )

    def _create(self, action: BuildInstance, but_not: str | None) -> str:
        node, around = action.node, self._around
        private_key, public_line = self._host_keys.new(node.name)
        identity = NodeIdentity(
            hostname=node.name,
            user=around.fleet.ssh.user,
            authorized_key=around.public_key,
            host_private_key=private_key,
            host_public_key=public_line,
            files=around.first_files(node, public_line),
        )
        new = instances.NewInstance(
            name=node.name,
            region=around.fleet.region,
            flavor_id=action.flavor_id,
            image_id=action.image_id,
            ssh_key_id=around.ssh_key_id,
            user_data=user_data(identity),
            ports=(
                instances.NetworkPort(around.public_network_id),
                instances.NetworkPort(around.private_network_id, node.vrack_address),
            ),
            group_id=around.group_ids[action.group] if action.group is not None else None,
        )

        def find() -> instances.Instance | None:
            listed = self._listed.look()
            return next((item for item in listed if item.name == node.name and item.id != but_not), None)

        created = create_once(
            f"instance {node.name}",
            lambda: instances.create_instance(self._around.api, new),
            find,
            limits=self._around.limits,
            listener=self._around.listener,
        )
        self._around.listener(Note(f"instance {node.name} created ({created.id})"))
        return created.id

    def _wait_active(self, node: Node, instance_id: str) -> bool:
        """Return True when the instance is ACTIVE and has both addresses, False when it is in ERROR."""
        start = time.monotonic()

        def look() -> bool:
            instance = next((item for item in self._listed.look() if item.id == instance_id), None)
            seconds = f"{time.monotonic() - start:.0f} s"
            if instance is None:
                raise NotYet(f"not in the list, {seconds}")
            if instance.status == instances.ERROR:
                return False
            if instance.status != instances.ACTIVE:
                raise NotYet(f"status {instance.status}, {seconds}")
            if instance.public_ipv4 is None or instance.private_ipv4 is None:
                raise NotYet(f"status ACTIVE, {len(instance.addresses)} of 2 addresses, {seconds}")
            return True

        return wait_for(
            f"{node.name}: instance ACTIVE with a public and a vRack address",
            look,
            seconds=self._around.limits.instance,
            interval=self._around.limits.look_every,
            listener=self._around.listener,
            cause="OVH is slow, or out of room in this region",
            next_step=f"look at instance {instance_id} in the OVH manager; run the command again to go on waiting",
        )

    def _delete(self, node: Node, instance_id: str) -> None:
        with suppress(OvhNotFound, OvhUnavailable):  # the wait tells whether it was done
            instances.delete_instance(self._around.api, instance_id)

        def look() -> None:
            instance = next((item for item in self._listed.look() if item.id == instance_id), None)
            if instance is not None:
                raise NotYet(f"status {instance.status}")

        wait_for(
            f"{node.name}: the failed instance {instance_id} is gone",
            look,
            seconds=self._around.limits.deletion,
            interval=self._around.limits.look_every,
            listener=self._around.listener,
            next_step=f"delete instance {instance_id} in the OVH manager, then run the command again",
        )
