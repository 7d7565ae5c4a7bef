"""One run of a workflow: its phases, what they changed on which host, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from koprogo_fleet.core.diff import Difference
from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.events import Listener, PhaseEnded, PhaseStarted
from koprogo_fleet.runner.outcome import Outcome, Status

Context = TypeVar("Context")


@dataclass(frozen=True)
class Phase(Generic[Context]):
    """A titled step of a workflow."""

    title: str
    run: Callable[[Context], None]


@dataclass
class HostReport:
    """What a run did to one host: its differences, and the seconds that each phase took."""

    differences: list[Difference] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    not_applicable: list[tuple[str, str]] = field(default_factory=list)
    error: KoprogoError | None = None
    status: Status | None = None
    reason: str = ""

    def add(self, outcome: Outcome) -> None:
        """Take in what one task did; a host that was changed once has been changed, and one that failed has failed."""
        self.differences += outcome.differences
        self.not_applicable += outcome.not_applicable
        if self.error is None and not (self.status is Status.CHANGED and outcome.status is Status.UNCHANGED):
            self.status, self.reason, self.error = outcome.status, outcome.reason, outcome.error


@dataclass
class Report:
    """
    Everything that a run found and did.

    *differences* are those that belong to no host: cloud resources, secrets, releases.
    """

    hosts: dict[str, HostReport] = field(default_factory=dict)
    differences: list[Difference] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def changed(self) -> int:
        """Count every difference found: made, or, in a plan, to be made."""
        return len(self.differences) + sum(len(host.differences) for host in self.hosts.values())

    @property
    def failed(self) -> int:
        """Count the hosts that failed."""
        return sum(host.error is not None for host in self.hosts.values())

    def host(self, name: str) -> HostReport:
        """Return the report of a host, made when it is first asked for."""
        return self.hosts.setdefault(name, HostReport())

    def add(self, phase: str, outcomes: Iterable[Outcome]) -> None:
        """Take in the outcomes of *phase*."""
        for outcome in outcomes:
            report = self.host(outcome.host)
            report.seconds[phase] = report.seconds.get(phase, 0.0) + outcome.seconds
            report.add(outcome)


def stop_at_failure(outcomes: Iterable[Outcome]) -> None:
    """
    Do nothing, unless a host is not as desired.

    Raises:
        KoprogoError: the error of the first one; that of a host which was skipped because of others only if there is
            none else.
    """
    for outcome in sorted(outcomes, key=lambda outcome: outcome.status is Status.SKIPPED):
        if outcome.error:
            raise outcome.error


def _untold(_title: str) -> AbstractContextManager[None]:
    return nullcontext()


def run_phases(
    phases: Sequence[Phase[Context]],
    context: Context,
    report: Report,
    listener: Listener,
    step: Callable[[str], AbstractContextManager[None]] = _untold,
) -> None:
    """
    Run *phases* in order, telling when each starts and ends; *report* is complete even when one raises.

    Args:
        phases: what to run.
        context: given to each of them.
        report: counts the differences; its seconds are added to.
        listener: told of starts and ends.
        step: wraps each phase, by its title: a journal's ``step``.
    """
    begin = time.monotonic()
    try:
        for phase in phases:
            started, before = time.monotonic(), report.changed
            listener(PhaseStarted(phase.title))
            with step(phase.title):
                phase.run(context)
            listener(PhaseEnded(phase.title, time.monotonic() - started, report.changed - before))
    finally:
        report.seconds += time.monotonic() - begin
