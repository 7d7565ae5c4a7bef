"""A new system on the disk of an instance: same id, addresses, user data and volumes."""

from __future__ import annotations

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.events import Listener, ignore
from koprogo_fleet.core.fleet import Fleet, Node
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.ovh import catalogue
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.instance_actions import reinstall_instance
from koprogo_fleet.ovh.instances import ACTIVE, Instance, list_instances

SECONDS = 900.0


def reinstall(api: OvhApi, fleet: Fleet, node: Node, listener: Listener = ignore) -> Instance:
    """
    Have OVH install fleet.yaml's image on *node*'s instance, and wait until that is ACTIVE again.

    The user data stay, and with them the host key (Nova's rebuild keeps both).

    Raises:
        InputError: there is no such instance, or not one of its name.
        OvhError: the API refuses, or sells no such image.
        WaitTimeout: it did not come back in time.
    """
    found = [instance for instance in list_instances(api) if instance.name == node.name]
    if len(found) != 1:
        raise InputError(
            f"OVH has {len(found)} instances named {node.name}: there is nothing to reinstall",
            next_step=f"koprogo-fleet node replace {node.name}" if not found else "koprogo-fleet cloud plan",
        )
    image = catalogue.find("image", fleet.image, catalogue.list_images(api, node.region), node.region)
    reinstall_instance(api, found[0].id, image.id)

    def look() -> Instance:
        now = next((instance for instance in list_instances(api) if instance.id == found[0].id), None)
        if now is None or now.status != ACTIVE:
            raise NotYet(f"status {now.status}" if now else "not in the list")
        return now

    return wait_for(
        f"{node.name} ACTIVE after its reinstallation",
        look,
        seconds=SECONDS,
        listener=listener,
        next_step=f"look at instance {found[0].id} in the OVH manager; then run the same again without --reinstall",
    )
