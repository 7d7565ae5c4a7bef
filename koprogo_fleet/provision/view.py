"""What is known while a plan is made."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.provision.kind import Existing, Kind, Ref, Value
from koprogo_fleet.provision.lists import Listing, Observed

T = TypeVar("T")


class View:
    """
    The fleet, the lists, and the objects that stay. Objects are looked at after those that they need.

    Attributes:
        public_key: the OpenSSH line of the fleet's key.
    """

    def __init__(self, fleet: Fleet, observed: Observed, public_key: str) -> None:
        self.fleet = fleet
        self.public_key = public_key
        self._observed = observed
        self._known: dict[Ref, Existing[Any]] = {}

    def of(self, listing: Listing[T]) -> T:
        """Return what *listing* showed."""
        return self._observed.of(listing)

    def find(self, kind: Kind[Any, Value], name: str) -> Value | None:
        """Return an object that is needed; None if it will be known only when the plan is carried out."""
        existing = self._known.get(kind.ref(name))
        return existing.value if existing else None

    def keep(self, kind: Kind[Any, Value], existing: Existing[Value]) -> None:
        """Take note of an object that stays."""
        self._known[kind.ref(existing.name)] = existing

    @property
    def kept(self) -> Mapping[Ref, Existing[Any]]:
        """The objects that stay."""
        return MappingProxyType(self._known)
