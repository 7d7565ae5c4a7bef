"""What a tool is asked for, and what it answers: the command that does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.baseline import full
from benchmarks.resources import resources_of
from benchmarks.work import Access, Target, Work
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.hosts.resource import Resource


@dataclass(frozen=True)
class Job:
    """
    One piece of work on some hosts.

    Attributes:
        directory: the tool's own, for what it writes.
        parallel: how many hosts at a time.
        fleet: the file of the fleet whose baseline is a part of the work; None without a baseline.
    """

    directory: Path
    work: Work
    targets: tuple[Target, ...]
    access: Access
    parallel: int
    fleet: Path | None = None

    @property
    def resources(self) -> Mapping[str, tuple[Resource, ...]]:
        """Our resources of each host, by its name: the same work, and what the floor reads."""
        if self.fleet is None:
            return {target.name: resources_of(self.work, target.directory) for target in self.targets}
        fleet = load_fleet(self.fleet)
        return {target.name: full(fleet, target.name, target.vrack_mac, target.directory) for target in self.targets}


@dataclass(frozen=True)
class Command:
    """
    A command that does a job, as a user would type it.

    Attributes:
        start: its program starts, imports what it always does, and ends: for one that does not tell how long that takes.
        after: ends what it leaves running, once all rounds are over.
    """

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    start: tuple[str, ...] = ()
    after: tuple[tuple[str, ...], ...] = ()
