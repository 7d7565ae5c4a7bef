"""The report of ``koprogo-fleet harden``: for people, for machines, and as a page to be kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape as html_escape
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from koprogo_fleet.cli.results import line
from koprogo_fleet.cli.wording import printable
from koprogo_fleet.hosts.baseline.controls import Control
from koprogo_fleet.hosts.baseline.verdict import Status, Verdict
from koprogo_fleet.workflows.harden import Hardened

_COLOURS = {Status.PASS: "green", Status.FIXED: "yellow", Status.FAIL: "red", Status.NOT_APPLICABLE: "dim"}
_PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Hardening of {fleet}</title><style>
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2em; }}
table {{ border-collapse: collapse; }} td, th {{ border-bottom: 1px solid #ddd; padding: .3em .8em; text-align: left; }}
.pass {{ color: #186a3b; }} .fixed {{ color: #9a6700; }} .fail {{ color: #b42318; font-weight: bold; }}
.not-applicable {{ color: #667; }}
</style></head><body><h1>Hardening of {fleet}</h1><p>{counts}</p>{failed}
<table><tr><th>Guide</th><th>Control</th><th>Title</th><th>Nodes</th><th>State</th><th>Reason</th></tr>
{rows}
</table></body></html>
"""


@dataclass(frozen=True)
class Row:
    """One control with one answer, and the nodes that gave it."""

    control: Control
    status: Status
    reason: str
    nodes: tuple[str, ...]


def rows(result: Hardened) -> Iterator[Row]:
    """Yield each control, once for each answer that differs."""
    by_control: dict[Control, dict[tuple[Status, str], list[str]]] = {}
    for name, verdicts in result.nodes.items():
        for verdict in verdicts:
            answers = by_control.setdefault(verdict.control, {})
            answers.setdefault((verdict.status, verdict.reason), []).append(name)
    for control, answers in by_control.items():
        for (status, reason), names in answers.items():
            yield Row(control, status, reason, tuple(names))


def show(console: Console, result: Hardened) -> None:
    """Show a table of controls, then the nodes that failed, then the counts."""
    table = Table("Control", "Title", "Nodes", "State", "Reason", title="Controls of the baseline")
    for row in rows(result):
        name = f"{row.control.guide} {row.control.number}".strip()
        state = f"[{_COLOURS[row.status]}]{row.status}[/]"
        cells = (name, row.control.title, _nodes(row, result))
        table.add_row(*map(escape, cells), state, escape(printable(row.reason)))
    if result.nodes:
        console.print(table)
    for name, reason in result.failed.items():
        line(console, f"[bold red]Error:[/] {escape(printable(f'{name}: {reason}'))}")
    line(console, f"[bold]{_counts(result)}[/]")


def as_plain_values(fleet: str, result: Hardened) -> Mapping[str, Any]:
    """Return the report as one JSON object: each node's controls, and the counts of all."""
    return {
        "fleet": fleet,
        "passed": result.all_pass,
        "counts": {status.value: result.count(status) for status in Status},
        "nodes": {name: [_plain(verdict) for verdict in verdicts] for name, verdicts in result.nodes.items()},
        "failed": dict(result.failed),
    }


def as_page(fleet: str, result: Hardened) -> str:
    """Return the report as an HTML page that needs no other file."""
    lines = []
    for row in rows(result):
        cells = (row.control.guide, row.control.number, row.control.title, _nodes(row, result))
        state = f'<td class="{row.status.replace(" ", "-")}">{row.status}</td>'
        plain = "".join(f"<td>{html_escape(cell)}</td>" for cell in cells)
        lines.append(f"<tr>{plain}{state}<td>{html_escape(printable(row.reason))}</td></tr>")
    failed = "".join(
        f'<p class="fail">{html_escape(printable(f"{name}: {reason}"))}</p>' for name, reason in result.failed.items()
    )
    return _PAGE.format(fleet=html_escape(fleet), counts=_counts(result), failed=failed, rows="\n".join(lines))


def _plain(verdict: Verdict) -> Mapping[str, Any]:
    control = verdict.control
    return {
        "guide": control.guide,
        "number": control.number,
        "title": control.title,
        "resources": [made.resource for made in control.by],
        "status": verdict.status.value,
        "reason": verdict.reason,
    }


def _nodes(row: Row, result: Hardened) -> str:
    return "all" if len(row.nodes) == len(result.nodes) else ", ".join(row.nodes)


def _counts(result: Hardened) -> str:
    counts = ", ".join(f"{result.count(status)} {status}" for status in Status)
    return f"{counts}, on {len(result.nodes)} nodes; {len(result.failed)} failed."
