"""What a fleet.yaml costs money for."""

from __future__ import annotations

from collections.abc import Iterator

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.cost.items import Kind, Wanted


def wanted_of(fleet: Fleet) -> tuple[Wanted, ...]:
    """Return every object of the fleet that OVH bills: its instances and its volumes."""
    return tuple(_objects(fleet))


def _objects(fleet: Fleet) -> Iterator[Wanted]:
    for node in fleet.nodes:
        yield Wanted(Kind.INSTANCE, node.name, fleet.region, node.flavor)
        if node.volume is not None:
            yield Wanted(Kind.VOLUME, node.name, fleet.region, node.volume.type, size_gb=node.volume.size_gb)
