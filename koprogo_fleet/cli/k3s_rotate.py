"""``koprogo-fleet k3s rotate``: new tokens, certificates and encryption keys for a running cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from koprogo_fleet.cli.options import (
    DEFAULT_INVENTORY,
    DEFAULT_LAB,
    Environment,
    Inventory,
    Json,
    LabName,
    LogPath,
    Target,
    TargetKind,
    Yes,
)
from koprogo_fleet.core.errors import EXIT_CHANGES, EXIT_OK, InputError

app = typer.Typer(
    help="Rotate what K3s itself keeps secret; a rotation that was interrupted is gone on with.", no_args_is_help=True
)

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Only look, and tell what would be done. Exit code 3 if anything would.")
]


@app.command()
def token(
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    log_file: LogPath = None,
) -> None:
    """
    Give the cluster another server token: Vault first, then K3s, then each server in turn.

    The old one stays readable in Vault as an older version: snapshots taken before need it.

    Example: koprogo-fleet k3s rotate token --yes
    """
    _rotate("token", inventory, environment, target, lab, dry_run=dry_run, yes=yes, as_json=as_json, log_file=log_file)


@app.command("agent-token")
def agent_token(
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    log_file: LogPath = None,
) -> None:
    """
    Give the cluster another agent token: Vault first, then each server in turn, then the agents.

    Example: koprogo-fleet k3s rotate agent-token --dry-run
    """
    _rotate(
        "agent-token", inventory, environment, target, lab, dry_run=dry_run, yes=yes, as_json=as_json, log_file=log_file
    )


@app.command()
def certificates(
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    log_file: LogPath = None,
) -> None:
    """
    Have all leaf certificates made anew: each server in turn, then the agents; the kubeconfig is fetched again.

    With --dry-run: how many days each node's certificates have left.

    Example: koprogo-fleet k3s rotate certificates --dry-run
    """
    _rotate(
        "certificates",
        inventory,
        environment,
        target,
        lab,
        dry_run=dry_run,
        yes=yes,
        as_json=as_json,
        log_file=log_file,
    )


@app.command()
def encryption(
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: Json = False,
    log_file: LogPath = None,
) -> None:
    """
    Encrypt all Secrets with a new key (prepare, rotate, reencrypt), each stage seen on every server before the next.

    Refused where the servers' hashes differ. A canary Secret is read on every server at each step.

    Example: koprogo-fleet k3s rotate encryption --yes
    """
    _rotate(
        "encryption", inventory, environment, target, lab, dry_run=dry_run, yes=yes, as_json=as_json, log_file=log_file
    )


def _rotate(
    word: str,
    inventory: Path,
    environment: str | None,
    target: TargetKind | None,
    lab: str,
    *,
    dry_run: bool,
    yes: bool,
    as_json: bool,
    log_file: Path | None,
) -> None:
    from koprogo_fleet.cli.confirm import agreed
    from koprogo_fleet.cli.opening import ending, run_view
    from koprogo_fleet.core.loader import load_fleet
    from koprogo_fleet.workflows.rotation import workflow
    from koprogo_fleet.workflows.run import Report
    from koprogo_fleet.workflows.target import choose, open_target

    command = f"koprogo-fleet k3s rotate {word}"
    if as_json and not (yes or dry_run):
        raise InputError(
            "--json cannot ask for a confirmation", next_step=f"add --yes, or look first: {command} --dry-run"
        )
    what = workflow.Rotated(word)
    choice = choose(target, environment)
    view, report = run_view(log_file, as_json=as_json), Report()
    view.target(choice.kind, choice.reason)
    with view, ending(view, choice.kind, report):
        directory = inventory / choice.environment
        fleet = load_fleet(directory / "fleet.yaml")
        opened = open_target(choice, view.event, lab)
        if dry_run or not yes:
            planned = Report()
            workflow.plan(what, fleet, directory, opened, view.event, planned)
            view.differences("Plan", planned)
            if dry_run:
                view.summary(choice.kind, planned, planned=True)
                raise typer.Exit(EXIT_CHANGES if planned.changed else EXIT_OK)
            if not agreed("Do this?", f"{command} --yes"):
                raise typer.Exit(EXIT_CHANGES)
        arguments = {"inventory": str(inventory.absolute()), "environment": choice.environment, "lab": lab}
        workflow.rotate(what, fleet, directory, opened, view.event, report, arguments=arguments)
        view.summary(choice.kind, report)
