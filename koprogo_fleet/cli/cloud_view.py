"""How the fleet's objects at OVH are shown: a plan as a table, and everything as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from koprogo_fleet.cli import json_lines
from koprogo_fleet.cli.results import line
from koprogo_fleet.cli.wording import cost_lines, printable
from koprogo_fleet.core.events import Cost
from koprogo_fleet.provision.bill import PlanCost
from koprogo_fleet.provision.plan import Plan, Step
from koprogo_fleet.provision.step import Action

WORDS = {
    Action.CREATE: "[green]create[/]",
    Action.FINISH: "[green]wait for[/]",
    Action.CHANGE: "[yellow]change[/]",
    Action.REPLACE: "[red]replace[/]",
    Action.DELETE: "[red]delete[/]",
    Action.REFUSE: "[red]needs you[/]",
}
DATA = "[red]its data is lost[/]"


NOTHING = "Nothing to do: everything at OVH is as fleet.yaml says."


def show_plan(console: Console, wanted: Plan, nothing: str = NOTHING) -> None:
    """Show every step with what it changes, or why it replaces; then the notes, what a person has to do, and the counts."""
    if wanted.steps:
        table = Table("Step", "Object", "Now", "Then", title=f"The objects of {wanted.fleet.name} at OVH")
        for step in wanted.steps:
            what, old, new = (escape(printable(text)) for text in (str(step.ref), step.old, step.new))
            action = f"{WORDS[step.action]}, {DATA}" if step.loses_data else WORDS[step.action]
            table.add_row(action, what, old, new)
        console.print(table)
    for note in wanted.notes:
        line(console, escape(printable(note.text)))
    for text in dict.fromkeys(step.next_step for step in wanted.refused):
        line(console, f"[bold]You first:[/] {escape(printable(text))}")
    if flags := [f"--confirm {step.ref.name}" for step in wanted.unconfirmed(frozenset())]:
        line(console, f"Data is lost, so the names have to be typed: {' '.join(dict.fromkeys(flags))}")
    line(console, _counts(wanted.steps) or nothing)


def show_cost(console: Console, cost: Cost) -> None:
    """Show what a plan does to the bill: the sums, and what has no price."""
    for text in cost_lines(cost):
        line(console, escape(printable(text)))


def plan_as_json(wanted: Plan, target: str, cost: PlanCost | None = None) -> dict[str, Any]:
    """Return a plan for machines; amounts are text, so that no reader makes them inexact."""
    return {
        "fleet": wanted.fleet.name,
        "target": target,
        "steps": [step_as_json(step) for step in wanted.steps],
        "notes": [note.text for note in wanted.notes],
        "cost": None if cost is None else _cost_as_json(cost),
    }


def step_as_json(step: Step) -> dict[str, Any]:
    """Return one step for machines; *id* is of what exists."""
    return {
        "action": str(step.action),
        "kind": step.ref.noun,
        "name": step.ref.name,
        "id": step.existing.id if step.existing else None,
        "old": step.old,
        "new": step.new,
        "loses_data": step.loses_data,
        "next_step": step.next_step or None,
    }


def _cost_as_json(cost: PlanCost) -> dict[str, Any]:
    told = json_lines.Cost.of(cost.told(None))
    return {
        "currency": told.currency,
        "before": f"{cost.before.monthly:.2f}",
        "after": told.total,
        "change": told.change,
        "steps": [step.model_dump() for step in told.changes],
        "unpriced": list(told.unpriced),
        "carbon_kilograms": told.carbon_kilograms,
        "carbon_basis": told.carbon_basis,
    }


def _counts(steps: Sequence[Step]) -> str:
    found = Counter(step.action for step in steps)
    return ", ".join(f"{found[action]} {WORDS[action]}" for action in Action if found[action])
