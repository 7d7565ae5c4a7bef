"""``koprogo-fleet k3s``: the cluster itself."""

from __future__ import annotations

import json
import sys

import typer

from koprogo_fleet.cli import k3s_rotate, k3s_upgrade
from koprogo_fleet.cli.options import DEFAULT_INVENTORY, Inventory, Json, Target
from koprogo_fleet.core.errors import EXIT_NOT_CONVERGED, EXIT_OK

app = typer.Typer(help="K3s on the fleet's nodes.", no_args_is_help=True)
app.command("upgrade")(k3s_upgrade.upgrade)
app.add_typer(k3s_rotate.app, name="rotate")


@app.command()
def status(inventory: Inventory = DEFAULT_INVENTORY, target: Target = None, as_json: Json = False) -> None:
    """
    Show every node's K3s, every server's etcd member and API, and say what it means.

    Also: releases, roles, who is Ready or cordoned, days until certificates end, encryption of Secrets, etcd's alarms, and
    the newest snapshot's age beside what it may be. Exit code 1 when a server, its etcd or its API is not well.

    Example: koprogo-fleet k3s status

    Example: koprogo-fleet k3s status --json
    """
    from koprogo_fleet.cli.k3s_view import as_object, sentences, tables
    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.core.events import ignore
    from koprogo_fleet.core.loader import load_fleet
    from koprogo_fleet.workflows.certificates import logged_in
    from koprogo_fleet.workflows.status import k3s_status
    from koprogo_fleet.workflows.target import choose

    choice = choose(target)
    directory = inventory / choice.environment
    fleet = load_fleet(directory / "fleet.yaml")
    with logged_in(fleet, choice, ignore):
        found = k3s_status(fleet, directory, ignore)
    if as_json:
        sys.stdout.write(json.dumps(as_object(found)) + "\n")
    else:
        console = people_console()
        for table in tables(found):
            console.print(table)
        for sentence in sentences(found):
            console.print(sentence, highlight=False)
    raise typer.Exit(EXIT_OK if found.healthy else EXIT_NOT_CONVERGED)
