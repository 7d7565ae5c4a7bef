"""What the commands about secrets begin and end with."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from koprogo_fleet.cli.options import TargetKind
from koprogo_fleet.core.errors import EXIT_CHANGES, EXIT_OK

if TYPE_CHECKING:
    from koprogo_fleet.cli.render import View
    from koprogo_fleet.core.events import Listener
    from koprogo_fleet.workflows.run import Report
    from koprogo_fleet.workflows.secrets.opening import Place
    from koprogo_fleet.workflows.target import Choice


@dataclass(frozen=True)
class SecretsCommand:
    """A command that is under way: what it is about, and what shows it."""

    place: Place
    view: View
    kind: str


def place_of(inventory: Path, choice: Choice, lab: str, listener: Listener, report: Report) -> Place:
    """
    Read fleet.yaml, and open the target.

    Raises:
        KoprogoError: fleet.yaml has mistakes, or the target cannot be had.
    """
    from koprogo_fleet.core.loader import load_fleet
    from koprogo_fleet.workflows.secrets.opening import Place
    from koprogo_fleet.workflows.target import open_target

    directory = inventory / choice.environment
    fleet = load_fleet(directory / "fleet.yaml")
    arguments = {"inventory": str(inventory.absolute()), "environment": choice.environment, "lab": lab}
    return Place(fleet, directory, open_target(choice, listener, lab), listener, report, arguments)


@contextmanager
def secrets_run(
    inventory: Path,
    environment: str | None,
    target: TargetKind | None,
    lab: str,
    *,
    as_json: bool,
    log_file: Path | None,
) -> Generator[SecretsCommand]:
    """Show the target, yield the run, and show the error that ends it; the exit code is the error's."""
    from koprogo_fleet.cli.opening import ending, run_view
    from koprogo_fleet.workflows.run import Report
    from koprogo_fleet.workflows.target import choose

    choice = choose(target, environment)
    view, report = run_view(log_file, as_json=as_json), Report()
    view.target(choice.kind, choice.reason)
    with view, ending(view, choice.kind, report):
        yield SecretsCommand(place_of(inventory, choice, lab, view.event, report), view, choice.kind)


def planned(run: SecretsCommand, plan: Callable[[Place], None], *, ask: bool) -> None:
    """
    Show what would be done; where *ask*, ask whether to do it.

    Raises:
        typer.Exit: it is only a plan (exit code 3 where anything would be done), there is nothing to do, or the answer is no.
    """
    from koprogo_fleet.cli.confirm import agreed
    from koprogo_fleet.workflows.run import Report

    report = Report()
    plan(replace(run.place, report=report))
    run.view.differences("Plan", report)
    if not ask or not report.changed:
        run.view.summary(run.kind, report, planned=True)
        raise typer.Exit(EXIT_CHANGES if report.changed else EXIT_OK)
    if not agreed("Do this?", "the same with --yes"):
        raise typer.Exit(EXIT_CHANGES)


def changed(run: SecretsCommand, change: Callable[[Place], None]) -> None:
    """Do it, and show what was done."""
    change(run.place)
    run.view.summary(run.kind, run.place.report)
