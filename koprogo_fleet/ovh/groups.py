"""Instance groups: instances of one anti-affinity group never share a physical host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from koprogo_fleet.ovh.client import OvhApi

ANTI_AFFINITY = "anti-affinity"


@dataclass(frozen=True)
class InstanceGroup:
    """A group and its members. Membership is set when an instance is created, and never changes."""

    id: str
    name: str
    region: str
    type: str
    instance_ids: tuple[str, ...]


def list_groups(api: OvhApi, region: str | None = None) -> tuple[InstanceGroup, ...]:
    """Return the groups of one region, or of all."""
    return tuple(_group(item) for item in api.get(api.in_project("/instance/group"), region=region))


def create_anti_affinity_group(api: OvhApi, name: str, region: str) -> InstanceGroup:
    """Create an empty group whose members are kept on different hosts."""
    body = {"name": name, "region": region, "type": ANTI_AFFINITY}
    return _group(api.post(api.in_project("/instance/group"), body))


def delete_group(api: OvhApi, group_id: str) -> None:
    """Delete a group; its members stay."""
    api.delete(api.in_project(f"/instance/group/{group_id}"))


def _group(item: dict[str, Any]) -> InstanceGroup:
    return InstanceGroup(
        id=item["id"],
        name=item["name"],
        region=item["region"],
        type=item["type"],
        instance_ids=tuple(item.get("instance_ids") or ()),
    )
