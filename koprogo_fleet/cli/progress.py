"""Where a run is: its phase, each host's phases, and what is being waited for. Values only; :mod:`live` draws them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from koprogo_fleet.core.events import Event, HostDone, HostStarted, PhaseEnded, PhaseStarted, Waiting

WAIT_IS_OLD = 15.0
"""Seconds without news after which a wait is over: looks are at most 5 s apart."""


@dataclass(frozen=True)
class Cell:
    """One host in one phase, all rounds of it together; *since* is set while a round runs."""

    seconds: float = 0.0
    differences: int = 0
    since: float | None = None
    failed: bool = False

    def __add__(self, other: Cell) -> Cell:
        return Cell(
            self.seconds + other.seconds,
            self.differences + other.differences,
            other.since if self.since is None else self.since,
            self.failed or other.failed,
        )


@dataclass
class Progress:
    """
    What the events told so far; every time is the *now* that came with an event, in seconds.

    Attributes:
        began: when the run did.
        phase: the workflow's current phase.
        phase_began: when it did.
        phases: of the hosts, in the order in which they first began.
        hosts: the cells of each host, by phase.
    """

    began: float
    phase: str = ""
    phase_began: float = 0.0
    phases: list[str] = field(default_factory=list)
    hosts: dict[str, dict[str, Cell]] = field(default_factory=dict)
    _waits: dict[tuple[str | None, str], tuple[float, Waiting]] = field(default_factory=dict)

    def take(self, event: Event, now: float) -> None:
        """Learn from one event."""
        match event:
            case PhaseStarted(title):
                self.phase, self.phase_began = title, now
                self._waits.clear()
            case PhaseEnded():
                self._waits.clear()
            case HostStarted(host, phase):
                self._put(host, phase, replace(self._cell(host, phase), since=now))
            case HostDone(host, phase, differences, seconds, error):
                done = Cell(seconds, len(differences), failed=error is not None)
                self._put(host, phase, replace(self._cell(host, phase), since=None) + done)
                self._waits = {key: wait for key, wait in self._waits.items() if key[0] != host}
            case Waiting(condition, host=host):
                self._waits[host, condition] = (now, event)
            case _:
                pass

    def waits(self, now: float) -> Iterator[Waiting]:
        """Yield what is being waited for, with the seconds that are left now."""
        for seen, wait in self._waits.values():
            if now - seen < WAIT_IS_OLD:
                yield replace(wait, seconds_left=max(0.0, wait.seconds_left - (now - seen)))

    def _cell(self, host: str, phase: str) -> Cell:
        return self.hosts.get(host, {}).get(phase, Cell())

    def _put(self, host: str, phase: str, cell: Cell) -> None:
        if phase not in self.phases:
            self.phases.append(phase)
        self.hosts.setdefault(host, {})[phase] = cell
