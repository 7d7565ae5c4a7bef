"""What commands begin and end with: the fleet and its target, the view of a run, and the error that ends one."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from koprogo_fleet.cli.options import TargetKind
from koprogo_fleet.core.errors import KoprogoError

if TYPE_CHECKING:
    from koprogo_fleet.cli.render import View
    from koprogo_fleet.core.events import Listener
    from koprogo_fleet.core.fleet import Fleet
    from koprogo_fleet.workflows.run import Report
    from koprogo_fleet.workflows.target import Choice, CloudTarget


@dataclass(frozen=True)
class Here:
    """The fleet that a command is about: its fleet.yaml, the folder of that, and where its objects are."""

    fleet: Fleet
    directory: Path
    target: CloudTarget


def cloud_here(
    inventory: Path, target: TargetKind | None, lab: str, listener: Listener, environment: str | None = None
) -> Here:
    """
    Read fleet.yaml, then open the OVH part of the target.

    Raises:
        KoprogoError: fleet.yaml has mistakes, or the target cannot be had.
    """
    from koprogo_fleet.workflows.target import choose

    return _opened(inventory, choose(target, environment), lab, listener)


@dataclass(frozen=True)
class CloudRun:
    """A run that changes objects at OVH: what it is about, what shows it, and what it fills."""

    here: Here
    view: View
    report: Report

    def ended(self, next_steps: Sequence[str] = ()) -> None:
        """Show what was done."""
        self.view.summary(self.here.target.kind, self.report, next_steps)


@contextmanager
def cloud_run(
    inventory: Path,
    target: TargetKind | None,
    lab: str,
    environment: str | None = None,
    *,
    log_file: Path | None,
    as_json: bool,
) -> Generator[CloudRun]:
    """Show the target, yield a run there, and show the error that ends it; the exit code is the error's."""
    from koprogo_fleet.workflows.run import Report
    from koprogo_fleet.workflows.target import choose

    choice = choose(target, environment)
    view, report = run_view(log_file, as_json=as_json), Report()
    view.target(choice.kind, choice.reason)
    with view, ending(view, choice.kind, report):
        yield CloudRun(_opened(inventory, choice, lab, view.event), view, report)


def _opened(inventory: Path, choice: Choice, lab: str, listener: Listener) -> Here:
    from koprogo_fleet.cli.scaffold import ensure_inventory
    from koprogo_fleet.core.loader import load_fleet
    from koprogo_fleet.workflows.target import open_cloud

    directory = ensure_inventory(inventory, choice.environment, listener)
    return Here(load_fleet(directory / "fleet.yaml"), directory, open_cloud(choice, listener, lab))


@contextmanager
def progress(*, quiet: bool) -> Generator[Listener]:
    """Yield a listener for a command whose result is all of its standard output: waits and notes go to standard error."""
    from koprogo_fleet.cli.render import PeopleView, people_console
    from koprogo_fleet.core.events import ignore

    if quiet:
        yield ignore
        return
    with PeopleView(people_console(stderr=True)) as view:
        yield view.event


def run_view(log_file: Path | None, *, as_json: bool) -> View:
    """Return what shows a run: to people or to machines, and to a log file too where there is one."""
    from koprogo_fleet.cli.json_view import JsonView
    from koprogo_fleet.cli.logfile import LogFile
    from koprogo_fleet.cli.render import PeopleView, people_console
    from koprogo_fleet.cli.several import Several

    view: View = JsonView() if as_json else PeopleView(people_console(), people_console(stderr=True))
    return Several(view, LogFile(log_file)) if log_file else view


@contextmanager
def ending(view: View, kind: str, report: Report) -> Generator[None]:
    """Show an error with the summary of what was done before it; the exit code is the error's."""
    try:
        yield
    except KoprogoError as error:
        view.summary(kind, report, error=error)
        raise typer.Exit(error.exit_code) from error
