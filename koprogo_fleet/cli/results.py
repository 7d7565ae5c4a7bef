"""What people see when a run has ended: differences, the table of hosts, and every error."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from koprogo_fleet.cli.status import (
    CHANGED,
    FAILED,
    SKIPPED,
    UNCHANGED,
    UNREACHABLE,
    Explanation,
    explanation,
    reason_of,
    status_of,
)
from koprogo_fleet.cli.wording import count, difference_lines, printable, without_name
from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.workflows.run import Report

_Key = TypeVar("_Key")

SIGNS = {
    Operation.CREATE: "[green]+[/]",
    Operation.CHANGE: "[yellow]~[/]",
    Operation.REPLACE: "[red]±[/]",
    Operation.DELETE: "[red]-[/]",
}
COLOURS = {UNCHANGED: "green", FAILED: "red", UNREACHABLE: "red", SKIPPED: "dim"}
TO_CHANGE = "to change"
"""What a plan says of a host that a run would call changed."""


def line(console: Console, markup: str) -> None:
    """Print one line as it is: not wrapped, no colours but those that *markup* says."""
    console.print(markup, highlight=False, soft_wrap=True)


def show_differences(console: Console, title: str, report: Report) -> None:
    """Show every difference under its host."""
    line(console, f"\n[bold]{escape(title)}[/]")
    groups: list[tuple[str, Iterable[Difference]]] = [("cloud, secrets, releases", report.differences)]
    groups += [(name, host.differences) for name, host in report.hosts.items()]
    for name, differences in groups:
        if listed := list(differences):
            line(console, f"[bold]{escape(name)}[/]")
            for difference in listed:
                lines = "\n".join(difference_lines(difference))
                line(console, f"  {SIGNS[difference.operation]} {escape(lines)}".replace("\n", "\n  "))
    line(console, f"{count(report.changed, 'difference')} in all.")


def show_hosts(console: Console, kind: str, report: Report, *, planned: bool) -> None:
    """Show a table of hosts with their states, what could not apply and what was left out, and the counts."""
    phases = list(dict.fromkeys(title for host in report.hosts.values() for title in host.seconds))
    table = Table("Host", *phases, "Differences", "State", title=f"Target {kind}: seconds per host and phase")
    for name, host in report.hosts.items():
        times = [f"{host.seconds[phase]:.1f}" if phase in host.seconds else "" for phase in phases]
        status = status_of(host)
        word = TO_CHANGE if planned and status == CHANGED else status
        table.add_row(escape(name), *times, str(len(host.differences)), f"[{COLOURS.get(status, 'yellow')}]{word}[/]")
    if report.hosts:
        console.print(table)
    for (what, reason), names in _not_applicable(report).items():
        line(console, f"[yellow]Not applicable[/] on {_hosts(names, report)}: {escape(what)} ({escape(reason)})")
    for reason, names in _skipped(report).items():
        line(console, f"[yellow]Skipped[/] {_hosts(names, report)}: {escape(reason)}")
    changes = count(report.changed, "difference" if planned else "change")
    line(console, f"[bold]{changes}, {report.failed} failed, {report.seconds:.0f} s.[/]")


def show_errors(console: Console, report: Report, error: KoprogoError) -> None:
    """Show the error of every host that failed, those that are alike once, and then *error* if it is none of them."""
    groups: dict[Explanation, list[str]] = {}
    for name, host in report.hosts.items():
        if host.error and status_of(host) != SKIPPED:
            told = explanation(host.error)
            groups.setdefault(told._replace(seen=without_name(name, told.seen)), []).append(name)
    for told, names in groups.items():
        _explain(console, told._replace(seen=f"{', '.join(names)}: {told.seen}"))
    if not any(host.error is error for host in report.hosts.values()):
        show_error(console, error)


def show_error(console: Console, error: KoprogoError) -> None:
    """Show what was seen, the cause, and the next step."""
    _explain(console, explanation(error))


def _explain(console: Console, told: Explanation) -> None:
    titles = ("[bold red]Error:[/]", "[bold]Likely cause:[/]", "[bold]Next:[/]")
    for title, text in zip(titles, told, strict=True):
        if text:
            line(console, f"{title} {escape(printable(text))}")


def _not_applicable(report: Report) -> dict[tuple[str, str], list[str]]:
    return _by_key((pair, name) for name, host in report.hosts.items() for pair in host.not_applicable)


def _skipped(report: Report) -> dict[str, list[str]]:
    return _by_key(
        (reason_of(host) or "no reason was given", name)
        for name, host in report.hosts.items()
        if status_of(host) == SKIPPED
    )


def _by_key(pairs: Iterator[tuple[_Key, str]]) -> dict[_Key, list[str]]:
    found: dict[_Key, list[str]] = {}
    for key, name in pairs:
        found.setdefault(key, []).append(name)
    return found


def _hosts(names: Sequence[str], report: Report) -> str:
    return "every host" if len(names) == len(report.hosts) else ", ".join(names)
