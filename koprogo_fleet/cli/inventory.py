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
    from koprogo_fleet.workflows.target import choose, open_cloud

    choice = choose(target)
    console = people_console()
    with PeopleView(console) as view:
        view.target(choice.kind, choice.reason)
        directory = ensure_inventory(inventory, choice.environment, view.event)
        found = sync_inventory(directory, open_cloud(choice, view.event, lab), view.event, force=force)
        view.pause()
        for difference in found.differences:
            console.print(f"  {difference}", highlight=False, markup=False)
        console.print(f"{len(found.hosts)} hosts in {directory / 'hosts.yaml'}", highlight=False)


@app.command()
def show(
    inventory: Inventory = DEFAULT_INVENTORY,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    live: Annotated[
        bool, typer.Option("--live", help="Ask OVH now, and write nothing; the files, while it cannot be reached.")
    ] = False,
    as_json: Json = False,
) -> None:
    """
    Show the inventory as a table, and how long ago OVH was asked.

    Example: koprogo-fleet inventory show

    Example: koprogo-fleet inventory show --live --json
    """
    from rich.table import Table

    from koprogo_fleet.cli.opening import progress
    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.cli.wording import ago, printable
    from koprogo_fleet.workflows.inventory import current, recorded
    from koprogo_fleet.workflows.target import choose, open_cloud

    choice = choose(target)
    directory = inventory / choice.environment
    with progress(quiet=as_json) as listener:
        found = current(directory, open_cloud(choice, listener, lab), listener) if live else recorded(directory)
    when = ago(found.age)
    if found.unreachable:
        people_console(stderr=True).print(
            f"OVH cannot be reached, so this is what it showed {when}: {printable(found.unreachable)}",
            highlight=False,
            markup=False,
        )
    if as_json:
        shown = {name: {"hostname": host.hostname, **host.data} for name, host in found.hosts.items()}
        sys.stdout.write(json.dumps(shown) + "\n")
        return
    table = Table(
        "Host", "Role", "Address", "vRack", "MAC", "Flavor", "Region", "Volume", title=f"{directory}, OVH asked {when}"
    )
    for name, host in found.hosts.items():
        data = host.data
        vrack, volume = data["vrack"], data.get("volume")
        table.add_row(
            name,
            f"{data['role']}{' (first)' if data['is_first_server'] else ''}",
            f"{host.username}@{host.hostname}",
            vrack["address"],
            vrack["mac"],
            data["flavor"],
            data["region"],
            f"{volume['size_gb']} GB" if volume else "",
        )
    people_console().print(table)
