"""What ``koprogo-fleet releases`` found, for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from koprogo_fleet.cli.wording import count
from koprogo_fleet.helm.lint import Findings, Rendered
from koprogo_fleet.helm.smoke import Outcome


def lint_parts(found: Findings) -> Iterator[str | Table]:
    """Yield the lines and tables that people read, mistakes first; nothing in them is markup."""
    yield from (str(problem) for problem in found.problems)
    yield from (f"not looked at: {reason}" for reason in found.unseen)
    for item in found.rendered:
        if item.breaches or item.refused:
            yield _breaches(item)
        else:
            yield f"release {item.release}: {_well(item)}"


def lint_as_object(found: Findings) -> dict[str, Any]:
    """Return the same as one object."""
    return {
        "right": found.is_right,
        "problems": [str(problem) for problem in found.problems],
        "not_looked_at": list(found.unseen),
        "releases": [
            {
                "name": item.release,
                "schemas": item.schemas.release if item.schemas else None,
                "refused": [
                    {"object": problem.object, "place": problem.place, "message": problem.message}
                    for problem in item.refused
                ],
                "breaches": [
                    {"rule": finding.rule.id, "object": finding.object, "seen": finding.seen}
                    for finding in item.breaches
                ],
                "exempted": [
                    {"rule": finding.rule.id, "object": finding.object, "reason": exemption.reason}
                    for finding, exemption in item.policy.exempted
                ],
            }
            for item in found.rendered
        ],
    }


def smoke_table(outcomes: Sequence[tuple[str, Outcome]]) -> Table:
    """Return how each release's tests went."""
    table = Table("Release", "Asked", "Answer", title="Smoke tests")
    for release, outcome in outcomes:
        told = f"[red]{escape('; '.join(outcome.troubles))}[/]" if outcome.troubles else "[green]well[/]"
        table.add_row(release, escape(outcome.address), told)
    return table


def _well(item: Rendered) -> str:
    asked = f"valid for Kubernetes {item.schemas.release}" if item.schemas else "its schemas were not asked"
    exempted = f" but for {count(len(item.policy.exempted), 'exemption')}" if item.policy.exempted else ""
    return f"its chart renders, {asked}, keeps the security policy{exempted}"


def _breaches(item: Rendered) -> Table:
    """Return what is wrong with what Helm makes of a release; its cells are plain text."""
    table = Table("Rule", "Object", "Seen", "To mend", title=f"Release {item.release}")
    for problem in item.refused:
        seen = f"{problem.place}: {problem.message}" if problem.place else problem.message
        table.add_row("Kubernetes' schema", problem.object, seen, "correct the chart's template, or the value")
    for finding in item.breaches:
        table.add_row(finding.rule.id, finding.object, finding.seen, finding.rule.mend)
    return table
