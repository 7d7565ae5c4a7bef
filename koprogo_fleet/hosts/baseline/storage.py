"""The disk that Longhorn keeps its replicas on."""

from __future__ import annotations

from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import Disk

LONGHORN = "/var/lib/longhorn"


def storage(volume_id: str | None) -> tuple[Resource, ...]:
    """
    Return the mounted volume of a node that has one.

    The hypervisor gives the first 20 characters of the volume's id as the disk's serial number, so that the disk is
    found whatever letter it got.
    """
    if volume_id is None:
        return ()
    return (Disk(f"/dev/disk/by-id/virtio-{volume_id[:20]}", LONGHORN, label="longhorn"),)
