"""``koprogo-fleet``: the commands, and what each exit code means."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer
from rich.console import Console

from koprogo_fleet.cli import inventory, k3s, kubectl, lab, provision
from koprogo_fleet.cli.render import PeopleView
from koprogo_fleet.core.errors import EXIT_INTERRUPTED, KoprogoError

EXIT_CODES = """\
Exit codes: 0 everything is as desired; 1 the run ended, but something is not as desired; 2 stopped by an error that
is explained; 3 a plan found differences; 130 interrupted.
"""

app = typer.Typer(
    name="koprogo-fleet",
    help="Provision and run K3s fleets on OVHcloud; on an embedded lab when no OVH credentials are set.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("provision")(provision.provision)
app.command("plan")(provision.plan)
app.command("kubectl")(kubectl.kubectl)
app.add_typer(inventory.app, name="inventory")
app.add_typer(k3s.app, name="k3s")
app.add_typer(lab.app, name="lab")


def main() -> None:
    """Run the command line; explained errors become a message and an exit code, never a traceback."""
    sys.exit(run(app))


def run(command: Callable[..., object]) -> int:
    """Run a typer application and return its exit code."""
    try:
        result = command(standalone_mode=False)
    except KoprogoError as error:
        PeopleView(Console(stderr=True)).error(error)
        return error.exit_code
    except KeyboardInterrupt:
        Console(stderr=True).print("Interrupted. Run the same command again: it goes on from here.")
        return EXIT_INTERRUPTED
    return result if isinstance(result, int) else 0
