"""``koprogo-fleet runs``: what each run did, and going on with one that was killed."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from koprogo_fleet.cli import provision
from koprogo_fleet.cli.options import DEFAULT_INVENTORY, DRAIN_SECONDS, Inventory, Json, Target, TargetKind, Yes

if TYPE_CHECKING:
    from rich.table import Table

    from koprogo_fleet.core.runs import Change, Run, Step

app = typer.Typer(help="The runs of the fleet, as their journals tell them.", no_args_is_help=True)

RunId = Annotated[
    str | None, typer.Argument(help="The run's id, or a part of it; by default the newest.", metavar="ID")
]
COLOURS = {"done": "green", "failed": "red", "killed": "red", "running": "yellow"}


@app.command("list")
def show_all(inventory: Inventory = DEFAULT_INVENTORY, target: Target = None, as_json: Json = False) -> None:
    """
    List the runs, the newest last: how each ended, and whether it left anything of which nobody knows the result.

    Example: koprogo-fleet runs list
    """
    from rich.table import Table

    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.workflows import runs as workflow

    found = workflow.list_runs(_directory(inventory, target))
    if as_json:
        for run in found:
            _write(run)
        return
    table = Table("Run", "Command", "Target", "State", "Changes", "Unknown", title="Runs")
    for run in found:
        table.add_row(
            run.id,
            run.command,
            run.target,
            f"[{COLOURS[run.state]}]{run.state}[/]",
            str(len(run.changes)),
            str(len(run.unknown) or ""),
        )
    people_console().print(table)


@app.command()
def show(
    run_id: RunId = None, inventory: Inventory = DEFAULT_INVENTORY, target: Target = None, as_json: Json = False
) -> None:
    """
    Show the steps of a run and its changes of each host: done, failed, or unknown.

    Example: koprogo-fleet runs show

    Example: koprogo-fleet runs show 3fa9c1d2 --json
    """
    from rich.table import Table

    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.workflows import runs as workflow

    run = workflow.find_run(_directory(inventory, target), run_id)
    if as_json:
        _write(run)
        return
    table = Table("Step", "Host", "Change", "Outcome", title=f"Run {run.id}: {run.command} ({run.target}), {run.state}")
    for step in run.steps:
        table.add_row(escape(step.name), "", "", _outcome(step, run))
        for change in run.changes:
            if change.step == step.name:
                _add(table, change, run)
    console = people_console()
    console.print(table)
    if run.reason:
        console.print(f"It ended with {run.reason}", highlight=False, markup=False)


@app.command()
def resume(
    run_id: RunId = None,
    inventory: Inventory = DEFAULT_INVENTORY,
    target: Target = None,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """
    Run the command of a run that was killed or failed again: it looks at everything first, and does what is left.

    Example: koprogo-fleet runs resume --yes
    """
    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.workflows import runs as workflow

    run = workflow.run_to_resume(_directory(inventory, target), run_id)
    console = people_console(stderr=as_json)
    console.print(f"Resuming the run {run.id}, which {_ended(run)}", highlight=False)
    for what in run.unknown:
        console.print(f"  result unknown, so it is looked at again: {what}", highlight=False, markup=False)
    provision.provision(
        inventory=Path(run.arguments["inventory"]),
        target=TargetKind(run.target),
        environment=run.arguments.get("environment"),
        lab=run.arguments["lab"],
        yes=yes,
        as_json=as_json,
        boot_seconds=float(run.arguments["boot_seconds"]),
        confirm=run.arguments.get("confirm", "").split(),
        lost=run.arguments.get("lost", "").split(),
        drain_seconds=float(run.arguments.get("drain_seconds", DRAIN_SECONDS)),
        budget=Decimal(run.arguments["budget"]) if run.arguments.get("budget") else None,
    )


def _directory(inventory: Path, target: TargetKind | None) -> Path:
    from koprogo_fleet.workflows.target import choose

    return inventory / choose(target).environment


def _write(run: Run) -> None:
    sys.stdout.write(json.dumps({**asdict(run), "state": run.state, "unknown": run.unknown}) + "\n")


def _ended(run: Run) -> str:
    return "failed" if run.outcome else "was killed"


def _add(table: Table, change: Change, run: Run) -> None:
    text = escape("\n".join([change.what, *(f"  {difference}" for difference in change.differences)]))
    table.add_row("", change.host, text, _outcome(change, run))


def _outcome(item: Step | Change, run: Run) -> str:
    if item.outcome is None and run.running:
        return "[yellow]running[/]"
    word = item.outcome or "unknown"
    return f"[{COLOURS.get(word, 'red')}]{word}[/]" + (f": {escape(item.reason)}" if item.reason else "")
