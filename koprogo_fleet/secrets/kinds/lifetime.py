"""Kinds whose values end by themselves, and when they are due because of that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from koprogo_fleet.secrets.kinds.kind import Kind
from koprogo_fleet.secrets.spec import Values


@dataclass(frozen=True)
class Lifetime:
    """From when until when values are valid."""

    begins: datetime
    ends: datetime

    @property
    def due(self) -> datetime:
        """When two thirds are over: there is time left for what goes wrong."""
        return self.begins + (self.ends - self.begins) * 2 / 3


@runtime_checkable
class Mortal(Protocol):
    """What a kind has whose values end by themselves."""

    def lifetime(self, values: Values) -> Lifetime | None:
        """Return from when until when *values* are valid; None where they cannot be read."""


def lifetime_of(kind: Kind[Any], values: Values) -> Lifetime | None:
    """Return from when until when *values* of *kind* are valid; None where they do not end by themselves."""
    return kind.lifetime(values) if isinstance(kind, Mortal) else None
