"""``koprogo-fleet k3s``: the cluster itself."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

import typer

from koprogo_fleet.cli import k3s_rotate
from koprogo_fleet.cli.options import DEFAULT_INVENTORY, Inventory, Json, Target
from koprogo_fleet.core.errors import EXIT_NOT_CONVERGED, EXIT_OK

app = typer.Typer(help="K3s on the fleet's nodes.", no_args_is_help=True)
app.add_typer(k3s_rotate.app, name="rotate")


@app.command()
def status(inventory: Inventory = DEFAULT_INVENTORY, target: Target = None, as_json: Json = False) -> None:
    """
    Show every server's K3s, etcd member and API, and say what it means. Exit code 1 when something is not well.

    Example: koprogo-fleet k3s status --json
    """
    from rich.table import Table

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
        sys.stdout.write(
            json.dumps({"verdict": found.verdict, "servers": [asdict(item) for item in found.servers]}) + "\n"
        )
    else:
        table = Table("Server", "K3s", "Version", "etcd", "Leader", "Database", "API", title="Control plane")
        for server in found.servers:
            health = server.health
            if health is None:
                table.add_row(server.host, f"[red]{server.error}[/]", "", "", "", "", "")
                continue
            etcd = "[green]healthy[/]" if health.etcd_healthy else "[red]no quorum[/]"
            megabytes = f"{health.database_bytes / 1e6:.1f} MB"
            table.add_row(
                server.host, health.service, health.version, etcd, health.leader or "none", megabytes, health.api
            )
        console = people_console()
        console.print(table)
        console.print(found.verdict, highlight=False)
    raise typer.Exit(EXIT_OK if found.healthy else EXIT_NOT_CONVERGED)
