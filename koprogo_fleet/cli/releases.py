"""``koprogo-fleet releases``: the charts of releases.yaml, before any cluster is asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from koprogo_fleet.cli.options import DEFAULT_INVENTORY, Environment, Inventory, Target
from koprogo_fleet.core.errors import EXIT_NOT_CONVERGED, EXIT_OK

app = typer.Typer(no_args_is_help=True, help="Fetch the charts of releases.yaml, and check the file.")


@app.command("fetch")
def fetch(
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    pin: Annotated[
        bool,
        typer.Option(
            "--pin", help="Write the digest of each chart that has none into releases.yaml. Trusts what comes."
        ),
    ] = False,
) -> None:
    """
    Get every chart from elsewhere into the cache, each only if it has the digest that releases.yaml pins.

    A deployment takes charts from the cache alone; its folder can be copied to a machine that reaches no repository.

    Example: koprogo-fleet releases fetch

    Example: koprogo-fleet releases fetch --pin
    """
    from koprogo_fleet.core.files import write_atomically
    from koprogo_fleet.helm.pin import pinned
    from koprogo_fleet.workflows.charts import fetch_charts
    from koprogo_fleet.workflows.release_files import FILE_NAME, read_releases

    path = _directory(inventory, environment, target) / FILE_NAME
    fetched = fetch_charts(read_releases(path.parent).releases, may_pin=pin)
    if fetched.new_digests:
        write_atomically(path, pinned(path.read_text(encoding="utf-8"), fetched.new_digests).encode(), mode=0o644)
    sys.stdout.writelines(f"{line}\n" for line in (*fetched.done, *fetched.failed))
    raise typer.Exit(EXIT_NOT_CONVERGED if fetched.failed else EXIT_OK)


@app.command("lint")
def lint(inventory: Inventory = DEFAULT_INVENTORY, environment: Environment = None, target: Target = None) -> None:
    """
    Check releases.yaml and its values, and render every chart that is on this machine. Exit code 1 if anything is wrong.

    A value that its chart does not know is told with its line, and with what may be meant. A chart that is not pinned, or
    not in the cache, is told, too: what nobody has looked at is not right.

    Example: koprogo-fleet releases lint --env production
    """
    from koprogo_fleet.helm.binary import find_tools
    from koprogo_fleet.helm.lint import lint as look
    from koprogo_fleet.workflows.release_files import FILE_NAME, read_releases

    path = _directory(inventory, environment, target) / FILE_NAME
    found = look(path, read_releases(path.parent), find_tools())
    sys.stdout.writelines(f"{problem}\n" for problem in found.problems)
    sys.stdout.writelines(f"not looked at: {reason}\n" for reason in found.unseen)
    sys.stdout.writelines(f"release {name}: its chart renders\n" for name in found.rendered)
    raise typer.Exit(EXIT_NOT_CONVERGED if found.problems or found.unseen else EXIT_OK)


def _directory(inventory: Path, environment: str | None, target: Target) -> Path:
    """Return the environment's folder; one that is named needs no target."""
    from koprogo_fleet.workflows.target import choose

    return inventory / (environment or choose(target).environment)
