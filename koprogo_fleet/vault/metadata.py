"""What the key-value engine knows of a secret and its versions, without any value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Version:
    """One version of a secret; *deleted* since then or from then on, and *destroyed* for ever."""

    created: datetime
    deleted: datetime | None = None
    destroyed: bool = False


@dataclass(frozen=True)
class Metadata:
    """
    Of one secret.

    Attributes:
        current: the number of its newest version; 0 where it has none.
        versions: those that Vault still keeps, by number.
        custom: what was written beside it, for people and programs to see.
        delete_version_after: the time after which new versions delete themselves, as Vault writes it; "0s" is never.
    """

    current: int
    versions: Mapping[int, Version]
    custom: Mapping[str, str] = field(default_factory=dict)
    delete_version_after: str = "0s"


def read_metadata(data: Mapping[str, Any]) -> Metadata:
    """Read the ``data`` of Vault's answer."""
    return Metadata(
        int(data["current_version"]),
        {int(number): _version(version) for number, version in data["versions"].items()},
        dict(data.get("custom_metadata") or {}),
        str(data["delete_version_after"]),
    )


def _version(data: Mapping[str, Any]) -> Version:
    deleted = data["deletion_time"]
    return Version(
        datetime.fromisoformat(data["created_time"]),
        datetime.fromisoformat(deleted) if deleted else None,
        bool(data["destroyed"]),
    )
