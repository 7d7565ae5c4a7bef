"""``koprogo-fleet scale``: pools with more or fewer nodes."""

from __future__ import annotations

from typing import Annotated

import typer

from koprogo_fleet.cli.options import (
    DEFAULT_INVENTORY,
    DEFAULT_LAB,
    DRAIN_SECONDS,
    Budget,
    Confirm,
    DrainSeconds,
    Environment,
    Inventory,
    Json,
    LabName,
    LogPath,
    Lost,
    Target,
    Yes,
)
from koprogo_fleet.core.errors import EXIT_CHANGES, EXIT_OK, InputError


def scale(
    counts: Annotated[list[str], typer.Argument(help="A pool and how many nodes it has then.", metavar="POOL=COUNT")],
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change. Exit code 3 if anything would.")
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
    log_file: LogPath = None,
    confirm: Confirm = None,
    lost: Lost = None,
    drain_seconds: DrainSeconds = DRAIN_SECONDS,
    budget: Budget = None,
) -> None:
    """
    Change the count of pools in fleet.yaml, comments and layout kept, and provision what that means.

    The change of the file and the plan are shown first, and nothing is written before both are agreed to. Workers that
    leave are drained, taken out of the load balancer and the cluster, then deleted: their names have to be typed, or
    given with --confirm. Control planes never become fewer by this.

    Example: koprogo-fleet scale worker=5

    Example: koprogo-fleet scale worker=2 --confirm koprogo-worker-3 --yes

    Example: koprogo-fleet scale worker=5 --dry-run --json
    """
    from koprogo_fleet.cli.confirm import agreed, typed
    from koprogo_fleet.cli.opening import ending, run_view
    from koprogo_fleet.cli.provision import arguments_of
    from koprogo_fleet.cli.scaffold import ensure_inventory
    from koprogo_fleet.core.diff import Difference, Operation
    from koprogo_fleet.provision.apply import stop_unless_allowed
    from koprogo_fleet.workflows import provision as workflow
    from koprogo_fleet.workflows.run import Report
    from koprogo_fleet.workflows.scale import counts_of, scaled
    from koprogo_fleet.workflows.target import choose, open_target

    if as_json and not (yes or dry_run):
        raise InputError("--json cannot ask for a confirmation", next_step="add --yes, or look first: --dry-run")
    wanted_counts = counts_of(counts)
    choice = choose(target, environment)
    view, report = run_view(log_file, as_json=as_json), Report()
    view.target(choice.kind, choice.reason)
    with view, ending(view, choice.kind, report):
        directory = ensure_inventory(inventory, choice.environment, view.event)
        workflow.read_input(directory)
        change = scaled(directory, wanted_counts)
        opened = open_target(choice, view.event, lab)
        planned = Report()
        if change.diff:
            planned.differences.append(Difference(Operation.CHANGE, f"file {change.path}", detail=change.diff))
        found = workflow.plan(change.fleet, directory, opened, view.event, planned, budget=budget)
        view.differences("Plan", planned)
        if dry_run:
            view.summary(choice.kind, planned, planned=True)
            raise typer.Exit(EXIT_CHANGES if planned.changed else EXIT_OK)
        confirmed = frozenset(confirm or ())
        if not as_json:
            confirmed |= typed(step.ref.name for step in found.unconfirmed(confirmed))
        stop_unless_allowed(found, confirmed)
        question = f"Write {change.path} and apply this plan?" if change.diff else "Apply this plan?"
        if planned.changed and not yes and not agreed(question, "koprogo-fleet scale --yes"):
            raise typer.Exit(EXIT_CHANGES)
        change.write()
        workflow.provision(
            change.fleet,
            directory,
            opened,
            view.event,
            report,
            confirmed=confirmed,
            lost=frozenset(lost or ()),
            drain_seconds=drain_seconds,
            budget=budget,
            arguments=arguments_of(
                inventory,
                choice.environment,
                lab,
                confirmed=confirmed,
                lost=lost or (),
                drain_seconds=drain_seconds,
                budget=budget,
            ),
        )
        view.summary(choice.kind, report)
