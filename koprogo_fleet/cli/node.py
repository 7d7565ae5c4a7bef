"""``koprogo-fleet node``: one node's place in the cluster, taken from it or given anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from koprogo_fleet.cli.options import (
    DEFAULT_INVENTORY,
    DEFAULT_LAB,
    DRAIN_SECONDS,
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
from koprogo_fleet.cli.provision import BOOT_SECONDS
from koprogo_fleet.core.errors import EXIT_CHANGES, EXIT_OK, InputError

if TYPE_CHECKING:
    from koprogo_fleet.workflows.node.life import Choices, Course

app = typer.Typer(
    help="One node: out of the cluster, a new machine for it, or a new life on the same.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(help="The node's name.", metavar="NAME")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done. Exit code 3 if anything would.")]
BootSeconds = Annotated[
    float, typer.Option("--boot-seconds", help="How long the machine may take until it answers SSH.")
]


@app.command()
def remove(
    name: Name,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    log_file: LogPath = None,
    confirm: Confirm = None,
    lost: Lost = None,
    drain_seconds: DrainSeconds = DRAIN_SECONDS,
) -> None:
    """
    Take a node out of the cluster: drained, out of etcd, its Node deleted, K3s removed from its machine.

    A control plane leaves only where the others keep a quorum. The machine stays, and is billed; while fleet.yaml wants
    the node, the next provision has it join again: to have fewer workers for good, scale.

    Example: koprogo-fleet node remove koprogo-worker-2

    Example: koprogo-fleet node remove koprogo-worker-2 --lost koprogo-worker-2 --confirm koprogo-worker-2 --yes
    """
    from koprogo_fleet.workflows.node.life import Choices
    from koprogo_fleet.workflows.node.remove import REMOVE

    choices = Choices(frozenset(confirm or ()), frozenset(lost or ()), drain_seconds)
    _do(REMOVE, name, choices, inventory, environment, target, lab, dry_run, yes, as_json, log_file)


@app.command()
def replace(
    name: Name,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    log_file: LogPath = None,
    confirm: Confirm = None,
    drain_seconds: DrainSeconds = DRAIN_SECONDS,
    boot_seconds: BootSeconds = BOOT_SECONDS,
) -> None:
    """
    Give a node another machine: for one that is gone or broken, the first control plane included.

    Its member leaves etcd through a healthy server, its Node is deleted, its instance goes and is created again with a
    host key of ours, and joins the cluster that there is. A volume is kept. A node that is Ready is drained before.

    Example: koprogo-fleet node replace koprogo-cp-1

    Example: koprogo-fleet node replace koprogo-cp-1 --confirm koprogo-cp-1 --yes --json
    """
    from koprogo_fleet.workflows.node.life import Choices
    from koprogo_fleet.workflows.node.replace import REPLACE

    choices = Choices(frozenset(confirm or ()), frozenset(), drain_seconds, boot_seconds)
    _do(REPLACE, name, choices, inventory, environment, target, lab, dry_run, yes, as_json, log_file)


@app.command()
def rebuild(
    name: Name,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    reinstall: Annotated[
        bool, typer.Option("--reinstall", help="Have OVH install the system anew now; else it was done before.")
    ] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    log_file: LogPath = None,
    confirm: Confirm = None,
    drain_seconds: DrainSeconds = DRAIN_SECONDS,
    boot_seconds: BootSeconds = BOOT_SECONDS,
) -> None:
    """
    Have the same machine, at the same address, join anew: after its system was reinstalled, or its data are of no use.

    What the cluster knows of its former life goes first: the member of etcd, the Node, K3s' password of it. What is left
    of K3s on the machine is removed.

    Example: koprogo-fleet node rebuild koprogo-cp-2

    Example: koprogo-fleet node rebuild koprogo-worker-1 --reinstall --confirm koprogo-worker-1 --yes
    """
    from koprogo_fleet.workflows.node.life import Choices
    from koprogo_fleet.workflows.node.rebuild import rebuild as course

    choices = Choices(frozenset(confirm or ()), frozenset(), drain_seconds, boot_seconds)
    _do(course(by_ovh=reinstall), name, choices, inventory, environment, target, lab, dry_run, yes, as_json, log_file)


def _do(
    course: Course,
    name: str,
    choices: Choices,
    inventory: Path,
    environment: str | None,
    target: TargetKind | None,
    lab: str,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    log_file: Path | None,
) -> None:
    from dataclasses import replace as with_changes

    from koprogo_fleet.cli.confirm import agreed, typed
    from koprogo_fleet.cli.opening import ending, run_view
    from koprogo_fleet.cli.scaffold import ensure_inventory
    from koprogo_fleet.workflows import provision as workflow
    from koprogo_fleet.workflows.node.life import carry_out, plan
    from koprogo_fleet.workflows.run import Report
    from koprogo_fleet.workflows.target import choose, open_target

    if as_json and not (yes or dry_run):
        raise InputError("--json cannot ask for a confirmation", next_step="add --yes, or look first: --dry-run")
    choice = choose(target, environment)
    view, report = run_view(log_file, as_json=as_json), Report()
    view.target(choice.kind, choice.reason)
    with view, ending(view, choice.kind, report):
        directory = ensure_inventory(inventory, choice.environment, view.event)
        fleet = workflow.read_input(directory)
        opened = open_target(choice, view.event, lab)
        planned = Report()
        plan(course, name, fleet, directory, opened, view.event, planned)
        view.differences("Plan", planned)
        if dry_run:
            view.summary(choice.kind, planned, planned=True)
            raise typer.Exit(EXIT_CHANGES if planned.changed else EXIT_OK)
        confirmed = choices.confirmed
        if name not in confirmed and not as_json:
            confirmed |= typed([name], f"{name}: {course.loses}")
        if name in confirmed and not yes and not agreed("Do this?", f"koprogo-fleet {course.command} {name} --yes"):
            raise typer.Exit(EXIT_CHANGES)
        carry_out(
            course,
            name,
            fleet,
            directory,
            opened,
            view.event,
            report=report,
            choices=with_changes(choices, confirmed=confirmed),
        )
        view.summary(choice.kind, report)
