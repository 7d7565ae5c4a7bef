"""``koprogo-fleet doctor``: whether this machine, and what the fleet is made of, are fit."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from koprogo_fleet.cli.options import DEFAULT_INVENTORY, Environment, Inventory, Json, Target
from koprogo_fleet.core.errors import EXIT_NOT_CONVERGED, EXIT_OK

if TYPE_CHECKING:
    from rich.table import Table

    from koprogo_fleet.workflows.doctor import Diagnosis

COLOURS = {"retired": "red", "moved": "red", "limited": "yellow"}


def doctor(
    inventory: Inventory = DEFAULT_INVENTORY,
    environment: Environment = None,
    target: Target = None,
    upstream: Annotated[
        bool,
        typer.Option(
            "--upstream", help="Also name the parts of fleet.yaml and releases.yaml that are retired, moved or limited."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """
    Check what this machine needs: Helm, kubectl, and that private files are private.

    Exit code 1 where a requirement is not met, or a part is retired or has moved. Parts are looked up in a dated table that
    comes with the program; nothing is fetched or changed, and nobody is asked.

    Example: koprogo-fleet doctor

    Example: koprogo-fleet doctor --upstream --json
    """
    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.cli.scaffold import ensure_inventory
    from koprogo_fleet.core.events import ignore
    from koprogo_fleet.workflows.doctor import diagnose
    from koprogo_fleet.workflows.target import choose

    choice = choose(target, environment)
    found = diagnose(ensure_inventory(inventory, choice.environment, ignore), upstream=upstream)
    if as_json:
        sys.stdout.write(json.dumps(_as_object(found)) + "\n")
    else:
        console = people_console()
        for table in _tables(found, upstream=upstream):
            console.print(table)
    raise typer.Exit(EXIT_OK if found.healthy else EXIT_NOT_CONVERGED)


def _as_object(found: Diagnosis) -> dict[str, Any]:
    from koprogo_fleet.upkeep.upstream import table

    return {
        "healthy": found.healthy,
        "checks": [{"what": item.what, "met": item.met, "seen": item.seen, "mend": item.mend} for item in found.checks],
        "as_of": table().as_of.isoformat(),
        "parts": [
            {
                "name": named.part.name,
                "state": str(named.part.state),
                "since": named.part.since,
                "file": str(named.file),
                "line": named.line,
                "why": named.part.why,
                "instead": named.part.instead,
                "evidence": named.part.evidence,
            }
            for named in found.parts
        ],
    }


def _tables(found: Diagnosis, *, upstream: bool) -> Iterator[Table]:
    from rich.markup import escape
    from rich.table import Table

    from koprogo_fleet.upkeep.upstream import table

    machine = Table("Requirement", "Is", "Seen", "To mend it", title="This machine")
    for check in found.checks:
        met = "[green]met[/]" if check.met else "[red]not met[/]"
        machine.add_row(check.what, met, escape(check.seen), escape(check.mend))
    yield machine
    if upstream:
        title = f"Parts, as known on {table().as_of}: {len(found.parts) or 'none'} to look at"
        parts = Table("Part", "Is", "Since", "Named in", "Why", "Instead", title=title)
        for named in found.parts:
            part = named.part
            state = f"[{COLOURS[part.state]}]{part.state}[/]"
            place = escape(f"{named.file}:{named.line}")
            parts.add_row(part.name, state, part.since, place, f"{part.why} ({part.evidence})", part.instead)
        yield parts
