"""``koprogo-fleet etcd restore`` and ``repair``: the cluster made anew from one server, once a person has typed its name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from koprogo_fleet.cli.etcd_opening import Where, etcd_command
from koprogo_fleet.cli.options import (
    DEFAULT_INVENTORY,
    DEFAULT_LAB,
    Environment,
    Inventory,
    Json,
    LabName,
    LogPath,
    Target,
)
from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import EXIT_CHANGES
from koprogo_fleet.core.events import Note

if TYPE_CHECKING:
    from koprogo_fleet.workflows.context import Context
    from koprogo_fleet.workflows.etcd.plan import ResetPlan
    from koprogo_fleet.workflows.run import Report

Server = Annotated[str | None, typer.Option("--server", metavar="NAME", help="On which server; else one is chosen.")]
Gone = Annotated[
    list[str] | None,
    typer.Option("--lost", metavar="NAME", help="This server is gone for good; for each such server."),
]
ConfirmFleet = Annotated[
    str | None, typer.Option("--confirm", metavar="FLEET", help="The fleet's name, where nobody can be asked for it.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]

SHOWN = 40
"""So many lost objects are named; of the others only the number is told."""


def restore(
    name: Annotated[str, typer.Argument(help="The snapshot's name; latest is the newest one.")],
    server: Server = None,
    lost: Gone = None,
    token_version: Annotated[
        int | None,
        typer.Option("--token-version", help="Of the server token in Vault, for a snapshot without a manifest."),
    ] = None,
    confirm: ConfirmFleet = None,
    dry_run: DryRun = False,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    as_json: Json = False,
    log_file: LogPath = None,
) -> None:
    """
    Make the cluster anew from a snapshot. What is newer than it is lost: it is listed first, as far as it can be known.

    The snapshot is read and found whole first. Then K3s stops on every server, etcd is reset on one of them, with the token
    of the snapshot's day, and that one is started. Only when it answers are the others' data put away, one server after the
    other, each of which joins it. A run that was interrupted is continued by the same command.

    Example: koprogo-fleet etcd restore on-demand-koprogo-cp-1-1764000000

    Example: koprogo-fleet etcd restore latest --server koprogo-cp-2 --lost koprogo-cp-1 --confirm koprogo
    """
    from koprogo_fleet.workflows.etcd.plan import plan_restore

    _anew(
        "restore",
        lambda run: plan_restore(run, name, server=server, lost=lost or (), token_version=token_version),
        Where(inventory, environment, target, lab, as_json, log_file),
        confirm,
        dry_run=dry_run,
    )


def repair(
    server: Server = None,
    lost: Gone = None,
    confirm: ConfirmFleet = None,
    dry_run: DryRun = False,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    as_json: Json = False,
    log_file: LogPath = None,
) -> None:
    """
    Repair a lost quorum: etcd goes on with what one server has, and the others join it anew. No snapshot is needed.

    Refused while etcd can write. The server is the one whose etcd has come furthest, or the only one with data.

    Example: koprogo-fleet etcd repair

    Example: koprogo-fleet etcd repair --lost koprogo-cp-2 --lost koprogo-cp-3 --confirm koprogo
    """
    from koprogo_fleet.workflows.etcd.plan import plan_repair

    _anew(
        "repair",
        lambda run: plan_repair(run, server=server, lost=lost or ()),
        Where(inventory, environment, target, lab, as_json, log_file),
        confirm,
        dry_run=dry_run,
    )


def _anew(name: str, plan: Callable[[Context], ResetPlan], where: Where, confirm: str | None, *, dry_run: bool) -> None:
    from koprogo_fleet.cli.confirm import typed
    from koprogo_fleet.workflows.etcd.restore import agreed_to, carry_out
    from koprogo_fleet.workflows.run import Report

    report = Report()
    with etcd_command(where, report) as here:
        with here.looking() as run:
            planned = plan(run)
        for sentence in sentences(planned):
            here.view.event(Note(sentence))
        here.view.differences("Plan", _differences(planned))
        if dry_run:
            raise typer.Exit(EXIT_CHANGES)
        given = frozenset({confirm} if confirm else ())
        if not given and not where.as_json:
            given = typed([here.fleet.name], "What is listed above is done to the whole cluster")
        agreed_to(planned, here.fleet.name, given)
        with here.changing(name, report) as run:
            carry_out(run, planned)
        here.view.summary(here.choice.kind, report, ("koprogo-fleet k3s status", "koprogo-fleet plan"))


def _differences(plan: ResetPlan) -> Report:
    from koprogo_fleet.workflows.run import Report

    shown = Report()
    source = f"snapshot {plan.snapshot.name}" if plan.snapshot else "its own data"
    shown.host(plan.chosen).differences.append(
        Difference(Operation.CHANGE, "etcd", "the former cluster", f"one member, from {source}")
    )
    for peer in plan.peers:
        shown.host(peer).differences.append(
            Difference(Operation.CHANGE, "etcd", "the former cluster", f"its data put away, joins {plan.chosen}")
        )
    for agent in plan.agents:
        shown.host(agent).differences.append(Difference(Operation.CHANGE, "service k3s-agent", "", "started again"))
    return shown


def sentences(plan: ResetPlan) -> Iterator[str]:
    """Yield what a person should know before agreeing to *plan*."""
    if plan.begun:
        yield "an earlier run has begun this: it is continued"
    if plan.snapshot:
        made = f"{plan.snapshot.created:%Y-%m-%d %H:%M:%S} UTC"
        yield f"the cluster becomes what it was at {made}: {plan.snapshot.name}, read back and whole, on {plan.chosen}"
    else:
        yield f"the cluster goes on with what {plan.chosen} has; what only the others had is lost"
    if plan.peers:
        yield f"etcd's data on {', '.join(plan.peers)} are put away once {plan.chosen} answers, and they join it anew"
    if plan.changes_token:
        yield f"its server token is that of version {plan.token_version} in Vault, and becomes the newest one there"
    if plan.lost:
        yield f"counted as gone, and not part of the cluster afterwards: {', '.join(plan.lost)}"
    if plan.agents:
        yield f"K3s starts again on {', '.join(plan.agents)}; no API answers until {plan.chosen} is back"
    if plan.snapshot and not plan.begun:
        yield from _lost(plan)


def _lost(plan: ResetPlan) -> Iterator[str]:
    if plan.newer is None:
        yield "what is newer than the snapshot cannot be told: no API answers; all of it is lost"
        return
    if not plan.newer:
        yield "nothing that the API shows is newer than the snapshot; what was deleted since comes back"
        return
    yield f"newer than the snapshot, and lost ({len(plan.newer)}); what was deleted since comes back:"
    for one in plan.newer[:SHOWN]:
        yield f"  {one}"
    if len(plan.newer) > SHOWN:
        yield f"  and {len(plan.newer) - SHOWN} more"
