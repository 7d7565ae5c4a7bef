"""``koprogo-fleet cost``: the monthly bill before it comes."""

from __future__ import annotations

import json
import sys
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import typer

from koprogo_fleet.cli.options import DEFAULT_INVENTORY, Inventory, Json, Subsidiary, Target, money

if TYPE_CHECKING:
    from rich.console import Console

    from koprogo_fleet.workflows.cost import Bill


def cost(
    inventory: Inventory = DEFAULT_INVENTORY,
    target: Target = None,
    as_json: Json = False,
    budget: Annotated[
        Decimal | None,
        typer.Option("--budget", parser=money, metavar="EURO", help="Exit code 1 if a month costs more than this."),
    ] = None,
    subsidiary: Subsidiary = "FR",
) -> None:
    """
    Show what the fleet of fleet.yaml costs a month, without tax, by OVH's catalogue; and its CO2, estimated.

    Beside it is the table of KoproGo's infrastructure document, with each difference explained, and how to pay less.

    Example: koprogo-fleet cost --budget 400
    """
    from koprogo_fleet.cli.render import people_console
    from koprogo_fleet.cli.scaffold import ensure_inventory
    from koprogo_fleet.core.events import ignore
    from koprogo_fleet.cost import check_budget
    from koprogo_fleet.workflows.cost import bill
    from koprogo_fleet.workflows.target import choose

    choice = choose(target)
    found = bill(ensure_inventory(inventory, choice.environment, ignore), choice, ignore, subsidiary=subsidiary)
    if as_json:
        sys.stdout.write(json.dumps(_as_json(found, budget)) + "\n")
    else:
        _show(people_console(), found)
    if budget is not None:
        check_budget(found.estimate, budget)


def _show(console: Console, found: Bill) -> None:
    from rich.table import Table

    total = found.estimate
    table = Table("Object", "Name", "Region", "Type", "Plan", title=f"A month in {total.currency}, without tax")
    for title in ("An hour", "A month", "Monthly plan"):
        table.add_column(title, justify="right")
    for line in total.lines:
        item = line.wanted
        size = f" {item.size_gb} GB" if item.size_gb else ""
        plan = f"{line.monthly_plan:.2f}" if line.monthly_plan is not None else ""
        hourly, monthly = f"{line.hourly:.4f}", f"{line.monthly:.2f}"
        table.add_row(item.kind, item.name, item.region, f"{item.type}{size}", line.plan, hourly, monthly, plan)
    table.add_section()
    table.add_row("Total", "", "", "", "", f"{total.hourly:.4f}", f"[bold]{total.monthly:.2f}[/]", "")
    console.print(table)
    seed = Table("Document's table", "Why", title="Beside the infrastructure document (330 a month)")
    for title in ("Document", "Fleet", "Difference"):
        seed.add_column(title, justify="right")
    for compared in found.seed:
        name, theirs = (compared.row.component, f"{compared.row.total:.2f}") if compared.row else ("-", "")
        seed.add_row(name, compared.why, theirs, f"{compared.ours:.2f}", f"{compared.difference:+.2f}")
    console.print(seed)
    for text in _sentences(found):
        console.print(text, highlight=False, markup=False)


def _sentences(found: Bill) -> list[str]:
    unpriced = [f"No price: {item.kind} {item.name} ({item.type})" for item in found.estimate.unpriced]
    less = [f"Less: {hint.text}." for hint in found.hints]
    carbon = f"CO2: about {found.carbon.kilograms:.1f} kg a month ({found.carbon.kwh:.0f} kWh) - {found.carbon.basis}."
    missing = [f"CO2 is without {', '.join(names)}: no factor." for names in [found.carbon.without_factor] if names]
    return [*unpriced, *less, carbon, *missing, f"Prices: {found.source}."]


def _as_json(found: Bill, budget: Decimal | None) -> dict[str, object]:
    """Return plain values; amounts are text, so that no reader makes them inexact."""
    total = found.estimate
    return {
        "source": found.source,
        "currency": total.currency,
        "hourly": str(total.hourly),
        "monthly": f"{total.monthly:.2f}",
        "budget": None if budget is None else str(budget),
        "lines": [
            {
                "kind": line.wanted.kind,
                "name": line.wanted.name,
                "region": line.wanted.region,
                "type": line.wanted.type,
                "size_gb": line.wanted.size_gb,
                "plan": line.plan,
                "hourly": str(line.hourly),
                "monthly": f"{line.monthly:.2f}",
                "monthly_plan": None if line.monthly_plan is None else str(line.monthly_plan),
            }
            for line in total.lines
        ],
        "unpriced": [{"kind": item.kind, "name": item.name, "type": item.type} for item in total.unpriced],
        "seed": [
            {
                "component": item.row.component if item.row else None,
                "seed": str(item.row.total) if item.row else None,
                "fleet": f"{item.ours:.2f}",
                "difference": f"{item.difference:.2f}",
                "why": item.why,
            }
            for item in found.seed
        ],
        "hints": [
            {"text": hint.text, "saving": None if hint.saving is None else f"{hint.saving:.2f}"} for hint in found.hints
        ],
        "co2": {
            "kilograms": f"{found.carbon.kilograms:.3f}",
            "kwh": f"{found.carbon.kwh:.3f}",
            "without_factor": list(found.carbon.without_factor),
            "basis": found.carbon.basis,
        },
    }
