"""How the fleet's objects at OVH are shown: a plan as a table, and everything as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from koprogo_fleet.cli.results import line
from koprogo_fleet.cli.wording import printable
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
        table = Table("Step", "Object", "Now", "Then", "", title=f"The objects of {wanted.fleet.name} at OVH")
        for step in wanted.steps:
            old, new = (escape(printable(text)) for text in (step.old, step.new))
            table.add_row(
                WORDS[step.action], escape(printable(str(step.ref))), old, new, DATA if step.loses_data else ""
            )
        console.print(table)
    for note in wanted.notes:
        line(console, escape(printable(note.text)))
    for text in dict.fromkeys(step.next_step for step in wanted.refused):
        line(console, f"[bold]You first:[/] {escape(printable(text))}")
    if flags := [f"--confirm {step.ref.name}" for step in wanted.unconfirmed(frozenset())]:
        line(console, f"Data is lost, so the names have to be typed: {' '.join(dict.fromkeys(flags))}")
    line(console, _counts(wanted.steps) or nothing)


def plan_as_json(wanted: Plan, target: str) -> dict[str, Any]:
    """Return a plan for machines."""
    return {
        "fleet": wanted.fleet.name,
        "target": target,
        "steps": [step_as_json(step) for step in wanted.steps],
        "notes": [note.text for note in wanted.notes],
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


def _counts(steps: Sequence[Step]) -> str:
    found = Counter(step.action for step in steps)
    return ", ".join(f"{found[action]} {WORDS[action]}" for action in Action if found[action])
