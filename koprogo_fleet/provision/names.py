"""Which of the fleet's pools a node's name speaks of."""

from __future__ import annotations

import re

from koprogo_fleet.core.fleet import Fleet, Pool


def pool_of(fleet: Fleet, node: str) -> Pool | None:
    """Return the pool whose node could have this name, with whatever number."""
    for pool in fleet.pools:
        if re.fullmatch(rf"{re.escape(fleet.name)}-{re.escape(pool.name)}-\d+", node):
            return pool
    return None


def by_number(name: str) -> tuple[str, int]:
    """Return a key that sorts names as people do: worker-2 before worker-10."""
    stem, _, number = name.rpartition("-")
    return (stem, int(number)) if number.isdecimal() else (name, 0)
