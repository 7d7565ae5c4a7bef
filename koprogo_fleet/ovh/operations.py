"""
Operations: what a regional call of the Public Cloud began, and what came of it.

``progress`` means nothing: it stays 0 even when the operation is completed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from koprogo_fleet.ovh.client import OvhApi

COMPLETED = "completed"
FAILED = frozenset({"in-error", "canceled", "unknown"})
PENDING = frozenset({"", "created", "in-progress"})
"""No status at all counts as pending: the answer to a POST may be the id alone (github.com/ovh/ovhcloud-cli)."""


@dataclass(frozen=True)
class Part:
    """A sub-operation."""

    action: str
    resource_id: str | None


@dataclass(frozen=True)
class Operation:
    """An operation; *action* is such as "gateway#create", *resource_id* may come late, or with a part only."""

    id: str
    action: str
    status: str
    resource_id: str | None
    parts: tuple[Part, ...]

    def made(self, action: str) -> str | None:
        """Return the id of what *action* ("gateway#create") made, here or in a part; None while it is not known."""
        if self.action == action:
            return self.resource_id
        return next((part.resource_id for part in self.parts if part.action == action), None)


def list_operations(api: OvhApi) -> tuple[Operation, ...]:
    """Return the operations of the project."""
    return tuple(operation_from(item) for item in api.get(api.in_project("/operation")))


def get_operation(api: OvhApi, operation_id: str) -> Operation:
    """Return one operation; it may not be found for a moment after the call that began it."""
    return operation_from(api.get(api.in_project(f"/operation/{operation_id}")))


def operation_from(item: dict[str, Any]) -> Operation:
    """Return the operation that a call answered with."""
    return Operation(
        id=item["id"],
        action=item.get("action") or "",
        status=item.get("status") or "",
        resource_id=item.get("resourceId"),
        parts=tuple(Part(part.get("action") or "", part.get("resourceId")) for part in item.get("subOperations") or ()),
    )
