"""``koprogo-fleet k3s upgrade``: another release of K3s on a running fleet."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from koprogo_fleet.cli.options import (
    DEFAULT_INVENTORY,
    DEFAULT_LAB,
    DRAIN_SECONDS,
    Environment,
    Inventory,
    Json,
    LabName,
    LogPath,
    Target,
    Yes,
)
from koprogo_fleet.core.errors import EXIT_CHANGES, EXIT_OK, InputError

_BATCH = re.compile(r"[1-9]\d{0,2}|([1-9]\d?|100)%")
NODE_SECONDS = 300.0
VOLUME_SECONDS = 1800.0


def batch_size(text: str) -> str:
    """
    Return a number of nodes or a part of them, as it was written.

    Raises:
        typer.BadParameter: it is neither; said before a server is touched, long before it is the agents' turn.
    """
    if _BATCH.fullmatch(text) is None:
        raise typer.BadParameter("a number of agents such as 2, or a part of them such as 20%")
    return text


def upgrade(
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="VERSION", help="Write this release into fleet.yaml first, such as v1.33.5+k3s1."),
    ] = None,
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
    batch: Annotated[
        str,
        typer.Option(
            "--batch",
            metavar="COUNT",
            parser=batch_size,
            help='How many agents at a time, or which part of them: 2, "20%".',
        ),
    ] = "1",
    node_seconds: Annotated[
        float,
        typer.Option(
            "--node-seconds", help="How long a node may take to be back; then it gets its former release again."
        ),
    ] = NODE_SECONDS,
    drain_seconds: Annotated[
        float, typer.Option("--drain-seconds", help="How long it may take until the last pod has left a node.")
    ] = DRAIN_SECONDS,
    volume_seconds: Annotated[
        float, typer.Option("--volume-seconds", help="How long Longhorn may take to make its volumes whole again.")
    ] = VOLUME_SECONDS,
) -> None:
    """
    Bring every node to the release of K3s that fleet.yaml names: servers one by one, then agents in batches.

    Never a minor skipped, never a downgrade, never an agent newer than a server. The artefacts are on all nodes before the
    first one stops. Each node is cordoned and drained, disruption budgets respected, and waited for: etcd votes, the API
    is ready, the node is Ready with the new release. One that does not come back gets its former binary and configuration
    again, and the upgrade stops. After any interruption, run the same again: it goes on from what is there.

    Provisioning never changes the release of a running node.

    Example: koprogo-fleet k3s upgrade --dry-run

    Example: koprogo-fleet k3s upgrade --to v1.33.5+k3s1 --yes

    Example: koprogo-fleet k3s upgrade --batch 20% --node-seconds 600
    """
    from koprogo_fleet.cli.confirm import agreed
    from koprogo_fleet.cli.opening import ending, run_view
    from koprogo_fleet.cli.scaffold import ensure_inventory
    from koprogo_fleet.core.diff import Difference, Operation
    from koprogo_fleet.workflows.run import Report
    from koprogo_fleet.workflows.target import choose, open_target
    from koprogo_fleet.workflows.upgrade.model import Options
    from koprogo_fleet.workflows.upgrade.retarget import retargeted
    from koprogo_fleet.workflows.upgrade.workflow import plan_upgrade, upgrade_k3s

    if as_json and not (yes or dry_run):
        raise InputError("--json cannot ask for a confirmation", next_step="add --yes, or look first: --dry-run")
    options = Options(node_seconds, drain_seconds, volume_seconds, int(batch) if batch.isdigit() else batch)
    choice = choose(target, environment)
    view, report = run_view(log_file, as_json=as_json), Report()
    view.target(choice.kind, choice.reason)
    with view, ending(view, choice.kind, report):
        directory = ensure_inventory(inventory, choice.environment, view.event)
        change = retargeted(directory, to)
        opened = open_target(choice, view.event, lab)
        if dry_run or change.diff or not yes:  # what is refused is not written into fleet.yaml
            planned = Report()
            if change.diff:
                planned.differences.append(Difference(Operation.CHANGE, f"file {change.path}", detail=change.diff))
            plan_upgrade(change.fleet, directory, opened, view.event, planned)
            view.differences("Plan", planned)
            if dry_run:
                view.summary(choice.kind, planned, planned=True)
                raise typer.Exit(EXIT_CHANGES if planned.changed else EXIT_OK)
            if planned.changed and not yes and not agreed("Upgrade?", "koprogo-fleet k3s upgrade --yes"):
                raise typer.Exit(EXIT_CHANGES)
        change.write()
        upgrade_k3s(change.fleet, directory, opened, view.event, report, options=options, arguments={})
        view.summary(choice.kind, report)
