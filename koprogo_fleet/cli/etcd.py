"""``koprogo-fleet etcd``: snapshots of the cluster's data, and the cluster made anew from one."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from koprogo_fleet.cli.etcd_opening import Where, etcd_command
from koprogo_fleet.cli.etcd_reset import DryRun, Server, repair, restore
from koprogo_fleet.cli.options import (
    DEFAULT_INVENTORY,
    DEFAULT_LAB,
    Environment,
    Inventory,
    Json,
    LabName,
    LogPath,
    Target,
    Yes,
)
from koprogo_fleet.core.errors import EXIT_CHANGES, EXIT_NOT_CONVERGED, EXIT_OK, InputError
from koprogo_fleet.core.events import Note

if TYPE_CHECKING:
    from datetime import datetime

    from rich.table import Table

    from koprogo_fleet.hosts.k3s.snapshot_files import Snapshot

app = typer.Typer(
    help="Snapshots of etcd: made, listed, read back, pruned, restored; and a lost quorum repaired.",
    no_args_is_help=True,
)
app.command("restore")(restore)
app.command("repair")(repair)

RPO_HOURS = 6
KEEP = 5


@app.command()
def save(
    name: Annotated[str, typer.Option("--name", help="What the snapshot's name begins with.")] = "on-demand",
    server: Server = None,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    as_json: Json = False,
    log_file: LogPath = None,
) -> None:
    """
    Make a snapshot on one healthy server, upload it to the bucket of fleet.yaml's backups, and read both back.

    Beside it a manifest is kept: its size and SHA-256, etcd's revision, and the version in Vault of the server token without
    which it cannot be restored.

    Example: koprogo-fleet etcd save --name before-the-migration
    """
    from koprogo_fleet.workflows.etcd.snapshots import healthy_server, save_snapshot
    from koprogo_fleet.workflows.phases.claim import claim_hosts
    from koprogo_fleet.workflows.run import Report

    report = Report()
    with etcd_command(Where(inventory, environment, target, lab, as_json, log_file), report) as here:
        with here.changing("save", report) as run:
            on = server or healthy_server(run)
            claim_hosts(run, [on])
            save_snapshot(run, on, name)
        here.view.summary(here.choice.kind, report)


@app.command("list")
def list_(
    rpo_hours: Annotated[
        int, typer.Option("--rpo-hours", help="How old the newest snapshot may be; exit code 1 if it is older.")
    ] = RPO_HOURS,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    as_json: Json = False,
) -> None:
    """
    Show every snapshot: its age, where it is, its size, and the version of its token. Exit code 1 if the newest is too old.

    Example: koprogo-fleet etcd list --rpo-hours 6
    """
    from datetime import UTC, datetime

    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.hosts.k3s.snapshot_files import as_data
    from koprogo_fleet.workflows.etcd.listing import list_snapshots, overdue
    from koprogo_fleet.workflows.run import Report

    where = Where(inventory, environment, target, lab, as_json)
    with etcd_command(where, Report(), answers=True) as here, here.looking() as run:
        found = list_snapshots(run)
    late = overdue(found, rpo_hours)
    if as_json:
        listed = [as_data(snapshot) for snapshot in found.snapshots]
        sys.stdout.write(
            json.dumps({"snapshots": listed, "unasked": dict(found.unasked), "overdue": late or None}) + "\n"
        )
    else:
        console = people_console()
        console.print(_table(found.snapshots, datetime.now(UTC)))
        for place, why in found.unasked.items():
            console.print(f"{place} could not be asked: {why}", highlight=False)
        console.print(late or f"The newest one is within {rpo_hours} h.", highlight=False)
    raise typer.Exit(EXIT_NOT_CONVERGED if late or found.unasked else EXIT_OK)


def _table(snapshots: Sequence[Snapshot], now: datetime) -> Table:
    from rich.table import Table

    table = Table("Snapshot", "Age", "Size", "Where", "Token version", title="Snapshots of etcd")
    for snapshot in snapshots:
        table.add_row(
            snapshot.name,
            f"{(now - snapshot.created).total_seconds() / 3600:.1f} h",
            f"{snapshot.size_bytes / 1e6:.1f} MB",
            ", ".join(snapshot.places),
            str(snapshot.manifest.token_version) if snapshot.manifest else "no manifest",
        )
    return table


@app.command()
def verify(
    name: Annotated[str, typer.Argument(help="The snapshot's name; latest is the newest one.")] = "latest",
    every: Annotated[bool, typer.Option("--all", help="Every snapshot, not one.")] = False,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    as_json: Json = False,
) -> None:
    """
    Read a snapshot back from wherever it is, and compare it with its manifest and with etcd's own sum in it.

    Exit code 1 if any of them is not whole.

    Example: koprogo-fleet etcd verify

    Example: koprogo-fleet etcd verify --all --json
    """
    from koprogo_fleet.workflows.etcd.listing import list_snapshots, verify_snapshot
    from koprogo_fleet.workflows.run import Report

    where = Where(inventory, environment, target, lab, as_json)
    with etcd_command(where, Report(), answers=True) as here, here.looking() as run:
        listed = list_snapshots(run)
        chosen = listed.snapshots if every else (listed.named(name),)
        found = {snapshot.name: verify_snapshot(run, snapshot) for snapshot in chosen}
    broken = any(wrong for places in found.values() for wrong in places.values())
    if as_json:
        sys.stdout.write(json.dumps({"verified": found, "whole": not broken}) + "\n")
    else:
        for snapshot, places in found.items():
            for place, wrong in places.items():
                sys.stdout.write(f"{snapshot} on {place}: {'; '.join(wrong) or 'whole'}\n")
    raise typer.Exit(EXIT_NOT_CONVERGED if broken or not found else EXIT_OK)


@app.command()
def prune(
    prefix: Annotated[str, typer.Option("--name", help="What the names of the snapshots begin with.")] = "on-demand",
    keep: Annotated[int, typer.Option("--keep", help="How many of the newest ones are kept.")] = KEEP,
    dry_run: DryRun = False,
    yes: Yes = False,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    as_json: Json = False,
    log_file: LogPath = None,
) -> None:
    """
    Delete the oldest snapshots of a name, on the servers and in the bucket. K3s itself prunes only those of its schedule.

    Example: koprogo-fleet etcd prune --name on-demand --keep 5 --yes
    """
    from koprogo_fleet.cli.confirm import agreed
    from koprogo_fleet.core.fleet import Role
    from koprogo_fleet.workflows.etcd.listing import list_snapshots
    from koprogo_fleet.workflows.etcd.snapshots import prune_snapshots, to_prune
    from koprogo_fleet.workflows.phases.claim import claim_hosts
    from koprogo_fleet.workflows.run import Report

    if as_json and not (yes or dry_run):
        raise InputError("--json cannot ask for a confirmation", next_step="add --yes or --dry-run")
    report = Report()
    with etcd_command(Where(inventory, environment, target, lab, as_json, log_file), report) as here:
        with here.looking() as run:
            going = to_prune(list_snapshots(run), prefix, keep)
        for snapshot in going:
            here.view.event(Note(f"to be deleted: {snapshot.name} ({', '.join(snapshot.places)})"))
        if dry_run:
            raise typer.Exit(EXIT_CHANGES if going else EXIT_OK)
        if going and not yes and not agreed(f"Delete {len(going)} snapshots?", "koprogo-fleet etcd prune --yes"):
            raise typer.Exit(EXIT_CHANGES)
        if going:
            with here.changing("prune", report) as run:
                hosts = {server for snapshot in going for server in snapshot.servers}
                claim_hosts(run, hosts | {run.of_role(Role.SERVER)[0]})
                prune_snapshots(run, going)
        here.view.summary(here.choice.kind, report)
