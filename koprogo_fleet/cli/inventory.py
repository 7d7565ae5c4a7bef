"""``koprogo-fleet inventory``: what exists, as Nornir sees it."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from koprogo_fleet.cli.options import DEFAULT_INVENTORY, DEFAULT_LAB, Inventory, Json, LabName, Target

app = typer.Typer(help="The inventory: read from the OVH API, kept in files for Git and Nornir.", no_args_is_help=True)


@app.command()
def sync(
    inventory: Inventory = DEFAULT_INVENTORY,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    force: Annotated[bool, typer.Option("--force", help="Accept that half of the hosts or more are gone.")] = False,
) -> None:
    """
    Write hosts.yaml, groups.yaml and defaults.yaml from what the OVH API shows.

    Example: koprogo-fleet inventory sync
    """
    from koprogo_fleet.cli.render import PeopleView, people_console
    from koprogo_fleet.cli.scaffold import ensure_inventory
    from koprogo_fleet.workflows.inventory import sync_inventory
    from koprogo_fleet.workflows.target import choose, open_target

    choice = choose(target)
    console = people_console()
    with PeopleView(console) as view:
        view.target(choice.kind, choice.reason)
        directory = ensure_inventory(inventory, choice.environment, view.event)
        found = sync_inventory(directory, open_target(choice, view.event, lab), view.event, force=force)
        view.pause()
        for difference in found.differences:
            console.print(f"  {difference}", highlight=False, markup=False)
        console.print(f"{len(found.hosts)} hosts in {directory / 'hosts.yaml'}", highlight=False)


@app.command()
def show(inventory: Inventory = DEFAULT_INVENTORY, target: Target = None, as_json: Json = False) -> None:
    """
    Show the inventory as a table.

    Example: koprogo-fleet inventory show
    """
    from rich.table import Table

    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.workflows.nornir import open_nornir
    from koprogo_fleet.workflows.target import choose

    directory = inventory / choose(target).environment
    hosts = open_nornir(directory).inventory.hosts
    if as_json:
        shown = {name: {"hostname": host.hostname, **host.data} for name, host in hosts.items()}
        sys.stdout.write(json.dumps(shown) + "\n")
        return
    table = Table("Host", "Role", "Address", "vRack", "MAC", "Flavor", "Region", "Volume", title=str(directory))
    for name, host in hosts.items():
        vrack, volume = host["vrack"], host.get("volume")
        table.add_row(
            name,
            f"{host['role']}{' (first)' if host['is_first_server'] else ''}",
            f"{host.username}@{host.hostname}",
            vrack["address"],
            vrack["mac"],
            host["flavor"],
            host["region"],
            f"{volume['size_gb']} GB" if volume else "",
        )
    people_console().print(table)
