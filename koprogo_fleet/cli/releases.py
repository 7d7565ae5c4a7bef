"""``koprogo-fleet releases``: the charts of releases.yaml before they are deployed, and their smoke tests afterwards."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from koprogo_fleet.cli.options import DEFAULT_INVENTORY, Environment, Inventory, Json, Target
from koprogo_fleet.core.errors import EXIT_NOT_CONVERGED, EXIT_OK, InputError

app = typer.Typer(
    no_args_is_help=True, help="Fetch the charts of releases.yaml, check the file, and ask what is deployed."
)


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
def lint(
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    kubernetes: Annotated[
        str | None,
        typer.Option("--kubernetes", metavar="VERSION", help="Of the cluster; by default fleet.yaml's k3s.version."),
    ] = None,
    as_json: Json = False,
) -> None:
    """
    Check releases.yaml, its values, and what Helm makes of every chart that is on this machine. Exit code 1 if anything is wrong.

    A value that its chart does not know is told with its line, and with what may be meant. Each manifest is held against
    the schemas of its Kubernetes (the extra 'schemas') and against the security policy. What could not be looked at, a chart
    that is not pinned or not in the cache, is told, too: what nobody has looked at is not right.

    Example: koprogo-fleet releases lint --env production --kubernetes v1.33

    Example: koprogo-fleet releases lint --json
    """
    from koprogo_fleet.cli.releases_view import lint_as_object, lint_parts
    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.helm.binary import find_tools
    from koprogo_fleet.helm.lint import lint as look
    from koprogo_fleet.workflows.release_files import FILE_NAME, kubernetes_of, read_releases

    path = _directory(inventory, environment, target) / FILE_NAME
    found = look(path, read_releases(path.parent), find_tools(), kubernetes or kubernetes_of(path.parent))
    if as_json:
        sys.stdout.write(json.dumps(lint_as_object(found)) + "\n")
    else:
        console = people_console()
        for part in lint_parts(found):
            console.print(part, markup=False, soft_wrap=isinstance(part, str))
    raise typer.Exit(EXIT_OK if found.is_right else EXIT_NOT_CONVERGED)


@app.command("smoke")
def smoke(
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    as_json: Json = False,
) -> None:
    """
    Ask the smoke tests of all enabled releases once, as users do: through the load balancer, or at their URLs.

    Deployments and provisioning ask them by themselves. Exit code 1 where one is not answered as it must be.

    Example: koprogo-fleet releases smoke
    """
    from koprogo_fleet.cli.opening import progress
    from koprogo_fleet.cli.releases_view import smoke_table
    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.cli.scaffold import ensure_inventory
    from koprogo_fleet.core.events import ignore
    from koprogo_fleet.core.loader import load_fleet
    from koprogo_fleet.helm.smoke import run_smoke_tests
    from koprogo_fleet.workflows.release_files import FILE_NAME, read_releases
    from koprogo_fleet.workflows.smoke import way_in
    from koprogo_fleet.workflows.target import choose

    choice = choose(target, environment)
    directory = ensure_inventory(inventory, choice.environment, ignore)
    releases = read_releases(directory).in_order
    if not any(item.smoke for item in releases):
        raise InputError(
            f"no enabled release of {directory / FILE_NAME} has a smoke test",
            next_step="describe what users ask: smoke: [{url: https://api.example.com/health}]",
        )
    with progress(quiet=as_json) as listener:
        entry = way_in(load_fleet(directory / "fleet.yaml"), choice, releases, listener)
        outcomes = [(item.name, outcome) for item in releases for outcome in run_smoke_tests(item.smoke, entry)]
    if as_json:
        tests = [{"release": name, "asked": item.address, "troubles": item.troubles} for name, item in outcomes]
        sys.stdout.write(json.dumps({"tests": tests}) + "\n")
    else:
        people_console().print(smoke_table(outcomes))
    well = not any(outcome.troubles for _, outcome in outcomes)
    raise typer.Exit(EXIT_OK if well else EXIT_NOT_CONVERGED)


def _directory(inventory: Path, environment: str | None, target: Target) -> Path:
    """Return the environment's folder; one that is named needs no target."""
    from koprogo_fleet.workflows.target import choose

    return inventory / (environment or choose(target).environment)
