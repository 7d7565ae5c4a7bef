"""``koprogo-fleet power``: a development fleet off for the night, on in the morning, by hand or by a timer."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
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
)

app = typer.Typer(help="Switch a development fleet off and on; its fleet.yaml has to allow it.", no_args_is_help=True)

Shelve = Annotated[
    bool,
    typer.Option(
        "--shelve", help="Shelve the instances: OVH then bills their snapshots only. It takes minutes longer."
    ),
]
READY_SECONDS = 300.0


@app.command()
def off(
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    shelve: Shelve = False,
    as_json: Json = False,
    log_file: LogPath = None,
) -> None:
    """
    Stop all instances of the fleet, workers first, and say what that saves. Refused unless fleet.yaml allows it.

    OVH bills a stopped instance as before; only --shelve saves money. Volumes, addresses and load balancers are billed on.
    Again, it changes nothing.

    Example: koprogo-fleet power off --env dev --shelve
    """
    from koprogo_fleet.cli.opening import cloud_run
    from koprogo_fleet.workflows.power import power_off

    with cloud_run(inventory, target, lab, environment, log_file=log_file, as_json=as_json) as run:
        power_off(run.here.fleet, run.here.target, run.view.event, run.report, shelve=shelve)
        run.ended()


@app.command()
def on(
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    ready_seconds: Annotated[
        float, typer.Option("--ready-seconds", help="How long the nodes may take until they are Ready.")
    ] = READY_SECONDS,
    as_json: Json = False,
    log_file: LogPath = None,
) -> None:
    """
    Start all instances, servers first, until they are ACTIVE, and wait for Ready nodes where the cluster can be reached.

    Example: koprogo-fleet power on --env dev
    """
    from koprogo_fleet.cli.opening import cloud_run
    from koprogo_fleet.workflows.power import power_on

    with cloud_run(inventory, target, lab, environment, log_file=log_file, as_json=as_json) as run:
        here = run.here
        power_on(here.fleet, here.directory, here.target, run.view.event, run.report, ready_seconds=ready_seconds)
        run.ended()


@app.command()
def status(
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    as_json: Json = False,
) -> None:
    """
    Show how each instance is, and for what OVH bills it.

    Example: koprogo-fleet power status --env dev
    """
    from rich.table import Table

    from koprogo_fleet.cli.opening import cloud_here, progress
    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.workflows.power import power_status

    with progress(quiet=as_json) as listener:
        here = cloud_here(inventory, target, lab, listener, environment)
        found = power_status(here.fleet, here.target, listener)
    if as_json:
        nodes = [asdict(node) for node in found]
        allowed = here.fleet.power.may_switch_off
        sys.stdout.write(json.dumps({"fleet": here.fleet.name, "may_switch_off": allowed, "nodes": nodes}) + "\n")
        return
    table = Table("Node", "Role", "Status", "Billed", title=f"The instances of {here.fleet.name}")
    for node in found:
        table.add_row(node.name, node.role, node.status or "-", node.billed)
    people_console().print(table)


@app.command()
def timer(
    off_at: Annotated[str, typer.Option("--off", metavar="HH:MM", help="When it is switched off.")],
    on_at: Annotated[str, typer.Option("--on", metavar="HH:MM", help="When it is switched on.")],
    days: Annotated[
        str, typer.Option("--days", help="On which days, as systemd writes them: Mon..Fri, or Mon,Wed; by default all.")
    ] = "",
    write: Annotated[
        Path | None, typer.Option("--write", metavar="DIR", help="Write the units here instead of printing them.")
    ] = None,
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    shelve: Shelve = False,
) -> None:
    """
    Print systemd units, a service and a timer each, that switch the fleet off and on; nothing is installed.

    Example: koprogo-fleet power timer --off 20:00 --on 07:00 --days Mon..Fri --env dev --shelve

    Example: koprogo-fleet power timer --off 20:00 --on 07:00 --write /etc/systemd/system
    """
    from koprogo_fleet.cli.scaffold import ensure_inventory
    from koprogo_fleet.core.events import ignore
    from koprogo_fleet.core.loader import load_fleet
    from koprogo_fleet.workflows.power import may_switch_off
    from koprogo_fleet.workflows.power_timer import Hours, here, hours_off, units
    from koprogo_fleet.workflows.target import choose
    from koprogo_fleet.workflows.units import write_files

    hours = Hours.parse(off_at, on_at, days)
    choice = choose(target, environment)
    fleet = load_fleet(ensure_inventory(inventory, choice.environment, ignore) / "fleet.yaml")
    may_switch_off(fleet)
    options = ["--inventory", str(inventory.absolute()), "--env", choice.environment, "--target", choice.kind]
    made = units(fleet.name, hours, here(options), shelve=shelve)
    if write is None:
        for name, text in made.items():
            sys.stdout.write(f"# {name}\n{text}\n")
    else:
        for path in write_files({write / name: text for name, text in made.items()}):
            sys.stdout.write(f"{path}\n")
        timers = " ".join(name for name in made if name.endswith(".timer"))
        sys.stderr.write(f"Next: systemctl daemon-reload && systemctl enable --now {timers}\n")
    sys.stderr.write(f"The fleet {fleet.name} is off {hours_off(hours):.0f} of 168 hours a week.\n")
