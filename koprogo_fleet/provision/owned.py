"""Which of the objects at OVH are the fleet's, by their names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.provision.kind import Existing, Kind, Ref
from koprogo_fleet.provision.kinds import KINDS
from koprogo_fleet.provision.kinds.ssh_key import SSH_KEYS
from koprogo_fleet.provision.lists import Observed
from koprogo_fleet.provision.names import by_number


class Owned(NamedTuple):
    """An object that bears the fleet's name."""

    kind: Kind[Any, Any]
    existing: Existing[Any]

    @property
    def ref(self) -> Ref:
        """What others call it."""
        return self.kind.ref(self.existing.name)


def owned(observed: Observed, fleet: Fleet) -> tuple[Owned, ...]:
    """
    Return everything that bears the fleet's names, by kind, name and number.

    A fleet *koprogo* does not own what is the fleet *koprogo-dev*'s, although it bears both names: every fleet has an
    SSH key of its own name, by which it is known.
    """
    others = tuple(key.name for key in observed.of(SSH_KEYS) if key.name.startswith(f"{fleet.name}-"))

    def is_anothers(name: str) -> bool:
        return any(name == other or name.startswith(f"{other}-") for other in others)

    found = (Owned(kind, existing) for kind in KINDS for existing in _sorted(kind, observed, fleet))
    return tuple(
        item for item in found if item.kind.owns(fleet, item.existing.name) and not is_anothers(item.existing.name)
    )


def unwanted(observed: Observed, fleet: Fleet) -> tuple[Owned, ...]:
    """Return what bears the fleet's names although the fleet does not want it."""
    wanted = {kind.ref(item.name) for kind in KINDS for item in kind.wanted(fleet)}
    return tuple(item for item in owned(observed, fleet) if item.ref not in wanted)


def orphans(observed: Observed, fleet: Fleet) -> tuple[Owned, ...]:
    """Return the objects that bear the fleet's names although the fleet does not want them, ties not counted."""
    return tuple(item for item in unwanted(observed, fleet) if not item.kind.tie)


def _sorted(kind: Kind[Any, Any], observed: Observed, fleet: Fleet) -> Iterator[Existing[Any]]:
    yield from sorted(kind.existing(observed, fleet), key=lambda existing: by_number(existing.name))
