"""``koprogo-fleet provision`` and ``plan``: from fleet.yaml to a running cluster."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
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
    TargetKind,
    Yes,
)
from koprogo_fleet.core.errors import EXIT_CHANGES, EXIT_OK, InputError

BOOT_SECONDS = 300.0
NEXT_STEPS = (
    "Next: koprogo-fleet k3s status                  how the control plane is",
    "      koprogo-fleet kubectl -- get pods -A      the cluster itself, through an SSH tunnel",
    "      koprogo-fleet plan                        what differs from fleet.yaml (exit code 3)",
)
LAB_STEPS = ("      sudo koprogo-fleet lab down               remove the lab and all that belongs to it",)


def provision(
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    yes: Yes = False,
    as_json: Json = False,
    log_file: LogPath = None,
    boot_seconds: Annotated[
        float, typer.Option("--boot-seconds", help="How long a new node may take until it answers SSH.")
    ] = BOOT_SECONDS,
    confirm: Confirm = None,
    lost: Lost = None,
    drain_seconds: DrainSeconds = DRAIN_SECONDS,
    budget: Budget = None,
) -> None:
    """
    Bring the fleet to its desired state: nodes, vRack, K3s, secrets, releases.

    Workers that leave (a pool became smaller, or they are replaced) are drained first, and have to be confirmed.

    Without OVH credentials this works on the embedded lab. Running it again changes only what is not as desired.

    Example: sudo koprogo-fleet provision --yes

    Example: koprogo-fleet provision --target ovh --json --yes

    Example: koprogo-fleet provision --confirm koprogo-worker-3
    """
    from koprogo_fleet.cli.confirm import agreed
    from koprogo_fleet.cli.opening import ending, run_view
    from koprogo_fleet.cli.scaffold import ensure_inventory
    from koprogo_fleet.workflows import provision as workflow
    from koprogo_fleet.workflows.run import Report
    from koprogo_fleet.workflows.target import choose, open_target

    if as_json and not yes:
        raise InputError(
            "--json cannot ask for a confirmation", next_step="add --yes, or look first: koprogo-fleet plan --json"
        )
    view = run_view(log_file, as_json=as_json)
    choice = choose(target, environment)
    view.target(choice.kind, choice.reason)
    report = Report()
    with view, ending(view, choice.kind, report):
        directory = ensure_inventory(inventory, choice.environment, view.event)
        fleet = workflow.read_input(directory)
        opened = open_target(choice, view.event, lab)
        if not yes:
            planned = Report()
            workflow.plan(fleet, directory, opened, view.event, planned, budget=budget)
            view.differences("Plan", planned)
            if planned.changed and not agreed("Apply this plan?", "koprogo-fleet provision --yes"):
                raise typer.Exit(EXIT_CHANGES)
        arguments = arguments_of(
            inventory,
            choice.environment,
            lab,
            confirmed=confirm or (),
            lost=lost or (),
            drain_seconds=drain_seconds,
            budget=budget,
            boot_seconds=boot_seconds,
        )
        workflow.provision(
            fleet,
            directory,
            opened,
            view.event,
            report,
            boot_seconds=boot_seconds,
            confirmed=frozenset(confirm or ()),
            lost=frozenset(lost or ()),
            drain_seconds=drain_seconds,
            budget=budget,
            arguments=arguments,
        )
        view.summary(choice.kind, report, (*NEXT_STEPS, *(LAB_STEPS if choice.kind == TargetKind.LAB else ())))


def plan(
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    as_json: Json = False,
    log_file: LogPath = None,
    budget: Budget = None,
) -> None:
    """
    Show every difference between the fleet and its desired state, and change nothing. Exit code 3 if there is any.

    With prices: what the fleet costs a month afterwards, and how much that is more or less than now.

    Example: koprogo-fleet plan --json

    Example: koprogo-fleet plan --budget 400
    """
    from koprogo_fleet.cli.opening import ending, run_view
    from koprogo_fleet.cli.scaffold import ensure_inventory
    from koprogo_fleet.workflows import provision as workflow
    from koprogo_fleet.workflows.run import Report
    from koprogo_fleet.workflows.target import choose, open_target

    view = run_view(log_file, as_json=as_json)
    choice = choose(target, environment)
    view.target(choice.kind, choice.reason)
    report = Report()
    with view, ending(view, choice.kind, report):
        directory = ensure_inventory(inventory, choice.environment, view.event)
        fleet = workflow.read_input(directory)
        workflow.plan(fleet, directory, open_target(choice, view.event, lab), view.event, report, budget=budget)
        view.differences("Plan", report)
        view.summary(choice.kind, report, planned=True)
    raise typer.Exit(EXIT_CHANGES if report.changed else EXIT_OK)


def arguments_of(
    inventory: Path,
    environment: str,
    lab: str,
    *,
    confirmed: Iterable[str],
    lost: Iterable[str],
    drain_seconds: float,
    budget: Decimal | None,
    boot_seconds: float = BOOT_SECONDS,
) -> dict[str, str]:
    """Return what a run's journal keeps, so that ``runs resume`` can do the same again."""
    return {
        "inventory": str(inventory.absolute()),
        "environment": environment,
        "lab": lab,
        "boot_seconds": str(boot_seconds),
        "confirm": " ".join(sorted(confirmed)),
        "lost": " ".join(lost),
        "drain_seconds": str(drain_seconds),
        "budget": "" if budget is None else str(budget),
    }
