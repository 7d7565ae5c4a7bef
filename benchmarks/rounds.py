"""The rounds of one case: every tool in its turn, each from the same state, and proof that each did the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks import state
from benchmarks.bed import Bed, Served
from benchmarks.cases import FLOOR, TOOLS, Case
from benchmarks.measure import Measured, end, measure
from benchmarks.state import Observed
from benchmarks.tools.job import Command, Job
from benchmarks.work import desired


class UnequalWork(Exception):
    """A tool left a host in another state than the others would: their times cannot be compared."""


@dataclass(frozen=True)
class Round:
    """
    One run of one tool.

    Attributes:
        measured: how long it took.
        served: what it asked of all hosts together.
        start: seconds that the tool takes to start and do nothing; None if it tells that itself.
    """

    measured: Measured
    served: Served
    start: float | None = None


@dataclass(frozen=True)
class Terms:
    """
    What is the same for every tool and every case.

    Attributes:
        fleet: the file of the fleet whose baseline is measured.
        rounds: how often each tool runs.
        parallel: how many hosts at a time.
        tell: shown what is going on.
        tools: how each tool is told what to do, by its name.
    """

    fleet: Path
    rounds: int
    parallel: int
    tell: Callable[[str], None]
    tools: Mapping[str, Callable[[Job], Command]] = field(default_factory=lambda: TOOLS)


def run_case(case: Case, bed: Bed, directory: Path, terms: Terms) -> Mapping[str, tuple[Round, ...]]:
    """
    Run all rounds of *case* on *bed*, with the tools' files in *directory*.

    Raises:
        UnequalWork: a tool did not bring a host into the desired state, or wrote where nothing was to be done.
        ToolFailed: a tool failed.
    """
    commands = {tool: _prepare(case, bed, directory / tool, terms, tool) for tool in case.tools}
    _set(case, bed, as_desired=True)
    if case.with_baseline:
        terms.tell(f"{case.name}: bringing the baseline about, once, unmeasured")
        measure(commands[case.tools[0]], directory / "first.log")
    taken: dict[str, list[Round]] = {tool: [] for tool in case.tools}
    try:
        for number in range(terms.rounds):
            for tool in case.tools[number % 2 :] + case.tools[: number % 2]:  # nobody always runs after the same other
                taken[tool].append(_round(case, bed, tool, commands[tool], directory / f"{tool}-{number}.log"))
                seconds = taken[tool][-1].measured.seconds
                terms.tell(f"{case.name}, round {number + 1}: {tool} {seconds:.2f} s")
    finally:
        for command in commands.values():
            end(command)
    return {tool: tuple(runs) for tool, runs in taken.items()}


def _prepare(case: Case, bed: Bed, place: Path, terms: Terms, tool: str) -> Command:
    place.mkdir()
    fleet = terms.fleet if case.with_baseline else None
    return terms.tools[tool](Job(place, case.work, bed.targets, bed.access, terms.parallel, fleet))


def _round(case: Case, bed: Bed, tool: str, command: Command, log: Path) -> Round:
    if case.all_to_change:
        _set(case, bed, as_desired=False)
    before, served = observe(case, bed), bed.served()
    measured = measure(command, log)
    counted = bed.served().since(served)
    start = (
        measure(replace(command, arguments=command.start), log.with_suffix(".start")).seconds if command.start else None
    )
    done = Round(measured, counted, start)
    _prove(case, bed, tool, before, observe(case, bed))
    return done


def observe(case: Case, bed: Bed) -> Mapping[str, Observed]:
    """Look at every host."""
    outputs = bed.run({target.name: state.look(case.work, target) for target in bed.targets})
    return {name: state.parse(case.work, output) for name, output in outputs.items()}


def _set(case: Case, bed: Bed, *, as_desired: bool) -> None:
    bed.run(
        {
            target.name: state.settle(case.work, target, bed.sshd_config)
            if as_desired
            else state.undo(case.work, target)
            for target in bed.targets
        }
    )


def _prove(case: Case, bed: Bed, tool: str, before: Mapping[str, Observed], after: Mapping[str, Observed]) -> None:
    for target in bed.targets:
        wanted, now = desired(case.work, target, bed.sshd_config), after[target.name].states
        if tool == FLOOR and case.all_to_change:
            wanted = before[target.name].states
        if wanted != now:
            wrong = sorted({*wanted.items()} ^ {*now.items()})
            raise UnequalWork(f"{case.name}: {tool} left {target.name} otherwise than desired: {wrong}")
        if not case.all_to_change and before[target.name].identities != after[target.name].identities:
            raise UnequalWork(f"{case.name}: {tool} wrote on {target.name} although nothing was to be done")
