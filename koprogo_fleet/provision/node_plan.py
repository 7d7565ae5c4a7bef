"""The part of a plan about one node: its instance and its volume. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.fleet import Fleet, Node
from koprogo_fleet.ovh import catalogue, instances, volumes
from koprogo_fleet.provision.actions import (
    Action,
    AttachVolume,
    BuildInstance,
    CreateVolume,
    Refuse,
    StartInstance,
)
from koprogo_fleet.provision.resources import Observed, group_name, volume_name
from koprogo_fleet.provision.step import Step

_ON_ITS_WAY = instances.BUILDING | {"REBOOT", "HARD_REBOOT", "UNKNOWN"}
_REPLACE = "it cannot be changed in place: change fleet.yaml back, or drain {name}, delete its instance and run again"


def node_steps(fleet: Fleet, observed: Observed, node: Node) -> tuple[Step, ...]:
    """
    Return the steps for *node*, in order.

    Raises:
        InputError: the region has no such flavor or image.
    """
    found = [instance for instance in observed.instances if instance.name == node.name]
    if len(found) > 1:
        return (_twice("instance", node.name, [instance.id for instance in found]),)
    instance = found[0] if found else None
    return (
        *_create_volume(fleet, observed, node),
        *_instance(fleet, observed, node, instance),
        *_attach_volume(observed, node, instance),
    )


def _instance(fleet: Fleet, observed: Observed, node: Node, instance: instances.Instance | None) -> Iterator[Step]:
    what = f"instance {node.name}"
    build = BuildInstance(
        node=node,
        flavor_id=catalogue.find("flavor", node.flavor, observed.flavors, fleet.region).id,
        image_id=catalogue.find("image", fleet.image, observed.images, fleet.region).id,
        group=group_name(fleet, node.pool) if node.anti_affinity else None,
    )
    if instance is None:
        yield _step(Operation.CREATE, what, build, new=f"{node.flavor}, {fleet.image}, {node.vrack_address}")
        return
    if refused := tuple(_wrong_shape(fleet, observed, node, instance)):
        yield from refused
        return
    status = instance.status
    failed = status == instances.ERROR and not instance.addresses  # with addresses, it has lived: it may hold data
    if status == instances.ACTIVE:
        return
    if status in _ON_ITS_WAY:
        await_it = BuildInstance(node, build.flavor_id, build.image_id, build.group, found=instance.id)
        yield _step(Operation.CHANGE, what, await_it, old=status, new=instances.ACTIVE)
    elif failed or status in instances.DELETED:
        again = BuildInstance(node, build.flavor_id, build.image_id, build.group, discard=instance.id)
        yield _step(Operation.CHANGE, what, again, old=status, new="created again")
    elif status in instances.STOPPED:
        start = StartInstance(node, instance.id)
        yield _step(Operation.CHANGE, what, start, old=status, new=instances.ACTIVE)
    else:
        refuse = Refuse(f"bring instance {node.name} ({instance.id}) to ACTIVE in the OVH manager, then run again")
        yield _step(Operation.CHANGE, what, refuse, old=status, new=instances.ACTIVE)


def _wrong_shape(fleet: Fleet, observed: Observed, node: Node, instance: instances.Instance) -> Iterator[Step]:
    """
    Compare what cannot be changed in place.

    An id that the catalogue does not know any more proves nothing: OVH withdraws flavors, and gives a renewed image
    a new id under the same name.
    """
    flavors = {flavor.id: flavor.name for flavor in observed.flavors}
    images = {image.id: image.name for image in observed.images}
    address = instance.private_ipv4
    for what, old, new in (
        ("region", instance.region, fleet.region),
        ("flavor", flavors.get(instance.flavor_id or "", node.flavor), node.flavor),
        ("image", images.get(instance.image_id or "", fleet.image), fleet.image),
        ("vRack address", str(address or node.vrack_address), str(node.vrack_address)),
    ):
        if old != new:
            refuse = Refuse(_REPLACE.format(name=node.name))
            yield _step(Operation.CHANGE, f"{what} of instance {node.name}", refuse, old=old, new=f"{new} (replace)")


def _volumes(observed: Observed, node: Node) -> list[volumes.Volume]:
    return [volume for volume in observed.volumes if volume.name == volume_name(node)]


def _create_volume(fleet: Fleet, observed: Observed, node: Node) -> Iterator[Step]:
    if node.volume is None:
        return
    what, found = f"volume {volume_name(node)}", _volumes(observed, node)
    desired = f"{node.volume.size_gb} GB {node.volume.type}, {fleet.region}"
    if not found:
        yield _step(Operation.CREATE, what, CreateVolume(node, node.volume), new=desired)
        return
    if len(found) > 1:
        yield _twice("volume", volume_name(node), [volume.id for volume in found])
        return
    volume = found[0]
    shape = f"{volume.size_gb} GB {volume.type}, {volume.region}"
    if shape != desired:
        refuse = Refuse("change the volume in fleet.yaml back: it holds data, and is neither resized nor moved here")
        yield _step(Operation.CHANGE, what, refuse, old=shape, new=f"{desired} (replace)")
    elif volume.status.startswith("error"):
        refuse = Refuse(f"look at volume {volume.id} in the OVH manager, and delete it if it holds nothing")
        yield _step(Operation.CHANGE, what, refuse, old=volume.status, new=volumes.IN_USE)


def _attach_volume(observed: Observed, node: Node, instance: instances.Instance | None) -> Iterator[Step]:
    if node.volume is None or len(found := _volumes(observed, node)) > 1:
        return
    attached = found[0].attached_to if found else ()
    instance_id = instance.id if instance else None
    done = bool(found) and found[0].status == volumes.IN_USE
    if attached == (instance_id,) and done:
        return
    action: Action = AttachVolume(node)
    if attached and attached != (instance_id,):
        action = Refuse(f"detach volume {found[0].id} at OVH: it is attached to {', '.join(attached)}")
    old = f"attached to {', '.join(attached)}" if attached and attached != (instance_id,) else ""
    operation = Operation.CHANGE if old else Operation.CREATE
    yield _step(operation, f"attachment of volume {volume_name(node)}", action, old=old, new=f"to {node.name}")


def _twice(kind: str, name: str, ids: list[str]) -> Step:
    refuse = Refuse(f"find out which {kind} is in use, and delete or rename the other at OVH")
    return _step(Operation.CHANGE, f"{kind} {name}", refuse, old=f"{len(ids)} of that name: {', '.join(ids)}", new="1")


def _step(operation: Operation, what: str, action: Action, *, old: str = "", new: str = "") -> Step:
    return Step(Difference(operation, what, old, new), action)
