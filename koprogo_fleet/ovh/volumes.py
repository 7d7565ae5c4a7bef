"""Block volumes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from koprogo_fleet.ovh.client import OvhApi

AVAILABLE = "available"
IN_USE = "in-use"
EXTENDING = "extending"
DELETING = "deleting"
DETACHING = "detaching"
ERROR = "error"
"""All of OVH's error states of a volume begin so: "error", "error_extending", "error_deleting"."""


@dataclass(frozen=True)
class Volume:
    """A block volume; *attached_to* holds instance ids, *type* is OVH's word for its speed."""

    id: str
    name: str
    region: str
    size_gb: int
    type: str
    status: str
    attached_to: tuple[str, ...]


def list_volumes(api: OvhApi, region: str | None = None) -> tuple[Volume, ...]:
    """Return the volumes of one region, or of all."""
    return tuple(_volume(item) for item in api.get(api.in_project("/volume"), region=region))


def get_volume(api: OvhApi, volume_id: str) -> Volume:
    """Return one volume."""
    return _volume(api.get(api.in_project(f"/volume/{volume_id}")))


def create_volume(api: OvhApi, name: str, region: str, size_gb: int, kind: str) -> Volume:
    """Create an empty volume; it is "creating" at first."""
    body = {"name": name, "region": region, "size": size_gb, "type": kind}
    return _volume(api.post(api.in_project("/volume"), body))


def attach_volume(api: OvhApi, volume_id: str, instance_id: str) -> Volume:
    """Attach an available volume to an instance; it is "attaching" at first."""
    return _volume(api.post(api.in_project(f"/volume/{volume_id}/attach"), {"instanceId": instance_id}))


def detach_volume(api: OvhApi, volume_id: str, instance_id: str) -> Volume:
    """Detach a volume that is in use."""
    return _volume(api.post(api.in_project(f"/volume/{volume_id}/detach"), {"instanceId": instance_id}))


def upsize_volume(api: OvhApi, volume_id: str, size_gb: int) -> Volume:
    """
    Make a volume larger, attached or not; it is "extending" at first. What is on it has to be grown on the node.

    Raises:
        OvhError: *size_gb* is not larger than before: a volume never shrinks.
    """
    return _volume(api.post(api.in_project(f"/volume/{volume_id}/upsize"), {"size": size_gb}))


def rename_volume(api: OvhApi, volume_id: str, name: str) -> None:
    """Give a volume another name."""
    api.put(api.in_project(f"/volume/{volume_id}"), {"name": name})


def delete_volume(api: OvhApi, volume_id: str) -> None:
    """Delete an available volume with its content."""
    api.delete(api.in_project(f"/volume/{volume_id}"))


def _volume(item: dict[str, Any]) -> Volume:
    return Volume(
        id=item["id"],
        name=item.get("name") or "",
        region=item["region"],
        size_gb=int(item["size"]),
        type=item["type"],
        status=item["status"],
        attached_to=tuple(item.get("attachedTo") or ()),
    )
