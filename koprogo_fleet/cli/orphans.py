"""``koprogo-fleet orphans``: what bears the fleet's name and nobody wants, and what that costs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from koprogo_fleet.cli.options import DEFAULT_INVENTORY, DEFAULT_LAB, Inventory, Json, LabName, Subsidiary, Target

if TYPE_CHECKING:
    from rich.console import Console

    from koprogo_fleet.workflows.orphans import Orphans


def orphans(
    inventory: Inventory = DEFAULT_INVENTORY,
    target: Target = None,
    lab: LabName = DEFAULT_LAB,
    as_json: Json = False,
    subsidiary: Subsidiary = "FR",
) -> None:
    """
    List what bears the fleet's names at OVH and is not in fleet.yaml, with its price a month by OVH's catalogue.

    Those of a pool that became smaller are deleted by the next provision; all others are left alone by every command but
    destroy.

    Example: koprogo-fleet orphans

    Example: koprogo-fleet orphans --json
    """
    from koprogo_fleet.cli.opening import cloud_here, progress
    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.workflows.orphans import find_orphans
    from koprogo_fleet.workflows.target import choose

    with progress(quiet=as_json) as listener:
        here = cloud_here(inventory, target, lab, listener)
        found = find_orphans(here.fleet, choose(target), here.target, listener, subsidiary=subsidiary)
    if as_json:
        sys.stdout.write(json.dumps({"fleet": here.fleet.name, "target": here.target.kind, **_as_json(found)}) + "\n")
    else:
        _show(people_console(), found)


def _show(console: Console, found: Orphans) -> None:
    from rich.markup import escape
    from rich.table import Table

    from koprogo_fleet.cli.wording import printable

    if not found.orphans:
        console.print("None: everything that bears the fleet's names is in fleet.yaml.")
        return
    table = Table("Object", "Id", "Next provision", title="Not in fleet.yaml")
    table.add_column(f"{found.currency} a month", justify="right")
    for orphan in found.orphans:
        price = "no price" if orphan.unpriced else f"{orphan.monthly:.2f}" if orphan.monthly is not None else ""
        what, identity = (escape(printable(text)) for text in (orphan.what, orphan.id))
        table.add_row(what, identity, "deletes it" if orphan.goes else "leaves it", price)
    table.add_section()
    table.add_row("Total", "", "", f"{found.monthly:.2f}")
    console.print(table)
    if found.source:
        console.print(f"Prices: {found.source}.", highlight=False, markup=False)


def _as_json(found: Orphans) -> dict[str, object]:
    """Return plain values; amounts are text, so that no reader makes them inexact."""
    return {
        "currency": found.currency,
        "monthly": f"{found.monthly:.2f}",
        "source": found.source,
        "orphans": [
            {
                "kind": orphan.kind,
                "name": orphan.name,
                "id": orphan.id,
                "deleted_by_provision": orphan.goes,
                "monthly": None if orphan.monthly is None else f"{orphan.monthly:.2f}",
                "unpriced": orphan.unpriced,
            }
            for orphan in found.orphans
        ],
    }
