"""``koprogo-fleet secrets``: what secrets.yaml names, in Vault and in the cluster."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from koprogo_fleet.cli import secrets_keys, secrets_sealing
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
from koprogo_fleet.cli.secrets_run import changed, planned, secrets_run
from koprogo_fleet.core.errors import EXIT_NOT_CONVERGED, EXIT_OK, InputError

app = typer.Typer(
    help="Secrets from Vault: their state, sealed into the cluster, rotated and rolled back.", no_args_is_help=True
)
app.add_typer(secrets_keys.app, name="keys")
app.command()(secrets_sealing.seal)
app.command()(secrets_sealing.reseal)

Names = Annotated[list[str] | None, typer.Argument(help="Of secrets.yaml; all of them by default.")]
Plan = Annotated[bool, typer.Option("--plan", help="Only tell what would be done. Exit code 3 if anything would.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would be done. Exit code 3 if anything would.")]
Due = Annotated[
    bool,
    typer.Option("--due", help="Only those that are older than their max_age, inside their window; for a schedule."),
]


@app.command()
def status(
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    as_json: Json = False,
) -> None:
    """
    Show each secret's age, whether it is due, its versions in Vault and sealed, the sealing key, and open rotations.

    Exit code 1 when something is not as it should be: the cluster differs from Vault, Vault has none, a value is weak or
    older than its policy allows.

    Example: koprogo-fleet secrets status

    Example: koprogo-fleet secrets status --json
    """
    from koprogo_fleet.cli.opening import progress
    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.cli.secrets_run import place_of
    from koprogo_fleet.cli.secrets_view import as_object, sentences, table
    from koprogo_fleet.workflows.run import Report
    from koprogo_fleet.workflows.secrets.status import secrets_status
    from koprogo_fleet.workflows.target import choose

    with progress(quiet=as_json) as listener:
        place = place_of(inventory, choose(target, environment), lab, listener, Report())
        found = secrets_status(place)
    if as_json:
        sys.stdout.write(json.dumps(as_object(found)) + "\n")
    else:
        console = people_console()
        console.print(table(found))
        for sentence in sentences(found):
            console.print(sentence, highlight=False, markup=False)
    raise typer.Exit(EXIT_NOT_CONVERGED if any(state.problems for state in found) else EXIT_OK)


@app.command()
def push(
    names: Names = None,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    plan: Plan = False,
    as_json: Json = False,
    log_file: LogPath = None,
) -> None:
    """
    Make what Vault lacks, and seal what the cluster lacks; what is right, and what nobody asked for, is left alone.

    Example: koprogo-fleet secrets push --plan

    Example: koprogo-fleet secrets push
    """
    from koprogo_fleet.workflows.secrets.push import plan_push, push_secrets

    with secrets_run(inventory, environment, target, lab, as_json=as_json, log_file=log_file) as run:
        if plan:
            planned(run, lambda place: plan_push(place, names or ()), ask=False)
        else:
            changed(run, lambda place: push_secrets(place, names or ()))


@app.command()
def rotate(
    names: Names = None,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    due: Due = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    log_file: LogPath = None,
) -> None:
    """
    Give secrets new values: in Vault, at the backend, in the cluster, in each consumer; proven, then the former revoked.

    A consumer that does not come up with the new value brings the former one back, with exit code 1. What was interrupted
    is gone on with by the same command; an overlap that is not over is no failure.

    Example: koprogo-fleet secrets rotate koprogo-api-database-password --yes

    Example: koprogo-fleet secrets rotate --due --yes
    """
    from koprogo_fleet.workflows.secrets.rotate import plan_rotation, rotate_secrets

    if not (names or due):
        raise InputError("which secrets?", next_step="name them, or --due for all that are due")
    if as_json and not (yes or dry_run):
        raise InputError("--json cannot ask for a confirmation", next_step="add --yes, or look first: --dry-run")
    with secrets_run(inventory, environment, target, lab, as_json=as_json, log_file=log_file) as run:
        if dry_run or not yes:
            planned(run, lambda place: plan_rotation(place, names or (), due=due), ask=not dry_run)
        changed(run, lambda place: rotate_secrets(place, names or (), due=due))


@app.command()
def rollback(
    name: Annotated[str, typer.Argument(help="Of secrets.yaml.")],
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    as_json: Json = False,
    log_file: LogPath = None,
) -> None:
    """
    Put a secret's former value in force again, or end its open rotation that way; refused where it was revoked for good.

    Example: koprogo-fleet secrets rollback koprogo-api-database-password
    """
    from koprogo_fleet.workflows.secrets.rollback import rollback_secret

    with secrets_run(inventory, environment, target, lab, as_json=as_json, log_file=log_file) as run:
        changed(run, lambda place: rollback_secret(place, name))
