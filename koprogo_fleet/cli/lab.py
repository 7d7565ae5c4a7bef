"""``koprogo-fleet lab``: the embedded lab on this machine."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import typer
from rich.console import Console
from rich.table import Table

from koprogo_fleet.cli.options import DEFAULT_LAB, Json, LabName
from koprogo_fleet.cli.render import PeopleView
from koprogo_fleet.lab.lab import Lab

app = typer.Typer(
    help="The embedded lab: real Debian nodes, an OVH API emulator and OpenBao, all on this machine.",
    no_args_is_help=True,
)


@app.command()
def up(lab: LabName = DEFAULT_LAB) -> None:
    """
    Start the lab, or heal one that crashed. Needs root.

    Example: sudo koprogo-fleet lab up
    """
    with PeopleView(Console()) as view:
        endpoints = Lab(lab).up(view.event)
        view.pause()
        Console().print(f"The lab {lab!r} is up: OVH API {endpoints.ovh_url}, Vault {endpoints.vault_address}")


@app.command()
def status(lab: LabName = DEFAULT_LAB, as_json: Json = False) -> None:
    """
    Show the lab's processes, networks and machines.

    Example: sudo koprogo-fleet lab status --json
    """
    found = Lab(lab).status()
    if as_json:
        sys.stdout.write(json.dumps(asdict(found), default=str) + "\n")
        return
    console = Console()
    table = Table("What", "State", title=f"Lab {lab}")
    for name, state in found.rows():
        table.add_row(name, state)
    console.print(table)


@app.command()
def down(lab: LabName = DEFAULT_LAB) -> None:
    """
    Stop the lab and remove all that belongs to it. What was cached stays.

    Example: sudo koprogo-fleet lab down
    """
    with PeopleView(Console()) as view:
        Lab(lab).down(view.event)
        view.pause()
        Console().print(f"The lab {lab!r} is gone.")
