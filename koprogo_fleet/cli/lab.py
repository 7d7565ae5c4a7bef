"""``koprogo-fleet lab``: the embedded lab on this machine."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from koprogo_fleet.cli.options import DEFAULT_LAB, Json, LabName

app = typer.Typer(
    help="The embedded lab: real Debian nodes, an OVH API emulator and OpenBao, all on this machine.",
    no_args_is_help=True,
)


@app.command()
def up(
    lab: LabName = DEFAULT_LAB,
    database: Annotated[
        bool, typer.Option("--database", help="Have a PostgreSQL server, too, for the nodes and their pods.")
    ] = False,
) -> None:
    """
    Start the lab, or heal one that crashed. Needs root.

    Example: sudo koprogo-fleet lab up
    """
    from koprogo_fleet.cli.render import PeopleView, people_console
    from koprogo_fleet.lab.lab import Lab

    with PeopleView(people_console()) as view:
        endpoints = Lab(lab).up(view.event, database=database)
        view.pause()
        people_console().print(f"The lab {lab!r} is up: OVH API {endpoints.ovh_url}, Vault {endpoints.vault_address}")
        if (found := endpoints.database) is not None:
            people_console().print(
                f"PostgreSQL: {found.host}:{found.port}, administrator {found.user}, password in {found.password_file}, "
                f"authority {found.ca}",
                highlight=False,
            )


@app.command()
def build() -> None:
    """
    Make what every lab needs and keep it in the cache: the nodes' image, the Kubernetes programs. Needs root.

    `lab up` and `provision` do it themselves; this is for doing it beforehand, in CI or before a flight.

    Example: sudo koprogo-fleet lab build
    """
    from koprogo_fleet.cli.render import PeopleView, people_console
    from koprogo_fleet.core.paths import cache_dir
    from koprogo_fleet.helm.binary import packaged_kubectl
    from koprogo_fleet.lab.image import ensure_image
    from koprogo_fleet.lab.images import ensure_images
    from koprogo_fleet.lab.kubernetes import ensure_binaries, put_kubectl
    from koprogo_fleet.lab.requirements import ensure_programs

    with PeopleView(people_console()) as view:
        ensure_programs(view.event)
        ensure_binaries(ensure_image(view.event), view.event)
        put_kubectl(packaged_kubectl(view.event))
        ensure_images(view.event)
        view.pause()
        people_console().print(f"All that a lab needs is in {cache_dir()}.")


@app.command()
def status(lab: LabName = DEFAULT_LAB, as_json: Json = False) -> None:
    """
    Show the lab's processes, networks and machines.

    Example: sudo koprogo-fleet lab status --json
    """
    from rich.table import Table

    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.lab.lab import Lab

    found = Lab(lab).status()
    if as_json:
        sys.stdout.write(json.dumps(asdict(found), default=str) + "\n")
        return
    console = people_console()
    if found.subnet is None:
        console.print(f"The lab {lab!r} is not up. Next: sudo koprogo-fleet lab up", highlight=False)
        return
    services = ", ".join(f"{name} {'runs' if runs else '[red]is down[/]'}" for name, runs in found.services.items())
    console.print(f"Lab {lab!r}, public network {found.subnet}: {services}", highlight=False)
    table = Table("Machine", "State", "Addresses", "Memory", "Instance")
    for machine in found.machines:
        state = "[green]running[/]" if machine.running else "[red]stopped[/]"
        addresses = ", ".join(map(str, machine.addresses))
        table.add_row(machine.name, state, addresses, f"{machine.memory / 1e6:.0f} MB", machine.id)
    console.print(table)


@app.command()
def down(lab: LabName = DEFAULT_LAB) -> None:
    """
    Stop the lab and remove all that belongs to it. What was cached stays.

    Example: sudo koprogo-fleet lab down
    """
    from koprogo_fleet.cli.render import PeopleView, people_console
    from koprogo_fleet.lab.lab import Lab

    with PeopleView(people_console()) as view:
        Lab(lab).down(view.event)
        view.pause()
        people_console().print(f"The lab {lab!r} is gone.")
