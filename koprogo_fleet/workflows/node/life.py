"""What ``node remove``, ``node replace`` and ``node rebuild`` have in common: a plan, a person's word, a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from koprogo_fleet.core.errors import NotConverged
from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.journal import Journal
from koprogo_fleet.core.lock import exclusive
from koprogo_fleet.core.paths import state_dir
from koprogo_fleet.kube.drain import SECONDS
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.ovh import budget_of
from koprogo_fleet.workflows.phases.life import Life, node_named
from koprogo_fleet.workflows.provision import BOOT_SECONDS, open_run
from koprogo_fleet.workflows.run import Phase, Report, run_phases
from koprogo_fleet.workflows.target import Target

_NO_ARGUMENTS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Course:
    """
    What is done to a node.

    Attributes:
        command: for the journal: "node replace".
        loses: what is gone with it, for the question.
        gives_up: a node that is not Ready counts as dead.
        goes: its machine is deleted.
        looks: the phases that only look, and tell what would be done.
        acts: those after them.
    """

    command: str
    loses: str
    gives_up: bool
    looks: Callable[[Life], Sequence[Phase[Context]]]
    acts: Callable[[Life], Sequence[Phase[Context]]]
    goes: bool = False


@dataclass(frozen=True)
class Choices:
    """
    What a person chose.

    Attributes:
        confirmed: names that were typed or given with ``--confirm``.
        lost: the node is dead: it is not drained.
        drain_seconds: how long it may take until its last pod is gone.
        boot_seconds: how long a machine may take until it answers SSH.
    """

    confirmed: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    drain_seconds: float = SECONDS
    boot_seconds: float = BOOT_SECONDS


def plan(  # noqa: PLR0913, PLR0917 - what it needs
    course: Course, name: str, fleet: Fleet, directory: Path, target: Target, listener: Listener, report: Report
) -> Life:
    """
    Tell in *report* what *course* would do to the node *name*; nothing is changed but the inventory files.

    Raises:
        InputError: there is no such node.
        KoprogoError: it must not be done now: the others would have no quorum, say.
    """
    life = Life(node_named(fleet, name), course.gives_up, course.goes)
    with open_run(fleet, directory, target, listener, report, dry_run=True) as run:
        run_phases(course.looks(life), run, report, listener)
    return life


def carry_out(  # noqa: PLR0913, PLR0917 - everything that a run is made of
    course: Course,
    name: str,
    fleet: Fleet,
    directory: Path,
    target: Target,
    listener: Listener,
    *,
    report: Report,
    choices: Choices,
    arguments: Mapping[str, str] = _NO_ARGUMENTS,
) -> None:
    """
    Do what *course* says to the node *name*. It looks again first; run again after an error, it goes on from there.

    Raises:
        NotConverged: its name was not confirmed; nothing was done.
        KoprogoError: something stopped the run.
    """
    node = node_named(fleet, name)
    if name not in choices.confirmed:
        raise NotConverged(
            f"nothing was done: the name of the node, {name}, was not given",
            cause=course.loses,
            next_step=f"koprogo-fleet {course.command} {name} --confirm {name}, or run it on a terminal and type the name",
        )
    state, command = state_dir(fleet.name), f"{course.command} {name}"
    with (
        exclusive(state, command),
        Journal(state, command, target.kind, arguments=arguments, listener=listener) as journal,
        open_run(fleet, directory, target, listener, report, dry_run=False) as run,
    ):
        run.journal, run.confirmed, run.lost = journal, choices.confirmed, choices.lost
        run.drain_seconds, run.boot_seconds = choices.drain_seconds, choices.boot_seconds
        run.budget = budget_of(fleet, None)
        life = Life(node, course.gives_up, course.goes)
        run_phases((*course.looks(life), *course.acts(life)), run, report, listener, step=journal.step)
