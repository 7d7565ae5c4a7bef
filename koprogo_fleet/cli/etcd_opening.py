"""What the commands about etcd begin with."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from koprogo_fleet.cli.options import TargetKind

if TYPE_CHECKING:
    from koprogo_fleet.cli.render import View
    from koprogo_fleet.core.fleet import Fleet
    from koprogo_fleet.workflows.context import Context
    from koprogo_fleet.workflows.run import Report
    from koprogo_fleet.workflows.target import Choice, Target


@dataclass(frozen=True)
class Where:
    """Which fleet a command is about, and how it is shown."""

    inventory: Path
    environment: str | None
    target: TargetKind | None
    lab: str
    as_json: bool
    log_file: Path | None = None


@dataclass(frozen=True)
class EtcdCommand:
    """One command at work."""

    fleet: Fleet
    directory: Path
    target: Target
    choice: Choice
    view: View

    @contextmanager
    def looking(self) -> Generator[Context]:
        """Yield a run that only looks."""
        from koprogo_fleet.workflows.etcd.runs import looking
        from koprogo_fleet.workflows.run import Report

        with looking(self.fleet, self.directory, self.target, self.view.event, Report()) as run:
            yield run

    @contextmanager
    def changing(self, name: str, report: Report) -> Generator[Context]:
        """Yield a run that changes the fleet."""
        from koprogo_fleet.workflows.etcd.runs import changing

        with changing(f"etcd {name}", self.fleet, self.directory, self.target, self.view.event, report) as run:
            yield run


@contextmanager
def etcd_command(where: Where, report: Report, *, answers: bool = False) -> Generator[EtcdCommand]:
    """
    Open the fleet and its target; an error that ends the command is shown with the summary of *report*.

    Args:
        where: which fleet.
        report: filled by what is done.
        answers: the command's own answer is all of its standard output.
    """
    from koprogo_fleet.cli.opening import ending, run_view
    from koprogo_fleet.cli.render import PeopleView, people_console
    from koprogo_fleet.cli.scaffold import ensure_inventory
    from koprogo_fleet.core.loader import load_fleet
    from koprogo_fleet.workflows.target import choose, open_target

    choice = choose(where.target, where.environment)
    view: View = PeopleView(people_console(stderr=True)) if answers else run_view(where.log_file, as_json=where.as_json)
    view.target(choice.kind, choice.reason)
    with view, ending(view, choice.kind, report):
        directory = ensure_inventory(where.inventory, choice.environment, view.event)
        fleet = load_fleet(directory / "fleet.yaml")
        yield EtcdCommand(fleet, directory, open_target(choice, view.event, where.lab), choice, view)
