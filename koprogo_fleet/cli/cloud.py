"""``koprogo-fleet cloud``: the OVH part of the plan alone, saved, and carried out as it was saved."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from koprogo_fleet.cli.options import (
    DEFAULT_INVENTORY,
    DEFAULT_LAB,
    Budget,
    Confirm,
    Inventory,
    Json,
    LabName,
    LogPath,
    Target,
)
from koprogo_fleet.core.errors import EXIT_CHANGES, EXIT_OK

if TYPE_CHECKING:
    from koprogo_fleet.provision.plan import Plan

app = typer.Typer(help="The fleet's objects at OVH by themselves; no node is logged in to.", no_args_is_help=True)

NEXT_STEPS = ("Next: koprogo-fleet provision                   what belongs on the nodes",)


@app.command()
def plan(
    inventory: Inventory = DEFAULT_INVENTORY,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    as_json: Json = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Also save the plan for cloud apply (made with mode 0600)."),
    ] = None,
    budget: Budget = None,
) -> None:
    """
    Show what would be created, changed, replaced and deleted at OVH, and change nothing. Exit code 3 if anything would.

    Example: koprogo-fleet cloud plan

    Example: koprogo-fleet cloud plan --out monday.plan
    """
    from koprogo_fleet.cli.cloud_view import plan_as_json, show_cost, show_plan
    from koprogo_fleet.cli.opening import cloud_here, progress
    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.provision.bill import check_plan
    from koprogo_fleet.workflows.cloud import priced_plan, save
    from koprogo_fleet.workflows.ovh import budget_of

    with progress(quiet=as_json) as listener:
        here = cloud_here(inventory, target, lab, listener)
        limit = budget_of(here.fleet, budget)
        found, cost = priced_plan(here.fleet, here.target, listener, limit)
    if out is not None:
        save(found, out)
    if as_json:
        sys.stdout.write(json.dumps(plan_as_json(found, here.target.kind, cost)) + "\n")
    else:
        show_plan(people_console(), found)
        if cost is not None:
            show_cost(people_console(), cost.told(limit))
        if out is not None and found.steps:
            people_console().print(f"Next: koprogo-fleet cloud apply {out}", highlight=False, markup=False)
    if cost is not None and limit is not None:
        check_plan(cost, limit)
    raise typer.Exit(EXIT_CHANGES if found.steps else EXIT_OK)


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(help="What cloud plan --out wrote.", metavar="FILE")],
    inventory: Inventory = DEFAULT_INVENTORY,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    as_json: Json = False,
    log_file: LogPath = None,
    confirm: Confirm = None,
    budget: Budget = None,
) -> None:
    """
    Carry out exactly the plan that was saved, and nothing if fleet.yaml or an object at OVH has moved since.

    On a terminal, the name of each object that loses data is asked for; elsewhere it has to be given with --confirm.

    Example: koprogo-fleet cloud apply monday.plan

    Example: koprogo-fleet cloud apply monday.plan --confirm koprogo-worker-3 --json
    """
    from koprogo_fleet.cli.confirm import typed
    from koprogo_fleet.cli.opening import cloud_run
    from koprogo_fleet.workflows.cloud import apply_saved
    from koprogo_fleet.workflows.run import Report

    with cloud_run(inventory, target, lab, log_file=log_file, as_json=as_json) as run:

        def names(wanted: Plan) -> frozenset[str]:
            run.view.differences("Plan", Report(differences=list(wanted.differences)))
            given = frozenset(confirm or ())
            return given if as_json else given | typed(step.ref.name for step in wanted.unconfirmed(given))

        here, told = run.here, run.view.event
        apply_saved(
            file, here.fleet, here.directory, here.target, told, report=run.report, confirm=names, budget=budget
        )
        run.ended(NEXT_STEPS)
