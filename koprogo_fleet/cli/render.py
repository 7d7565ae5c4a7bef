"""What people and machines see: live progress, plain lines, or JSON, and the tables at the end."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.events import Event, HostDone, Note, PhaseEnded, PhaseStarted, Waiting
from koprogo_fleet.workflows.run import Report

SIGNS = {Operation.CREATE: "[green]+[/]", Operation.CHANGE: "[yellow]~[/]", Operation.DELETE: "[red]-[/]"}


PIPE_WIDTH = 120
"""Columns of tables where no terminal says how wide it is."""


def people_console(*, stderr: bool = False) -> Console:
    """Return a console as wide as the terminal; in a pipe wide enough for a table."""
    console = Console(stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_WIDTH
    return console


class View(AbstractContextManager["View"], Protocol):
    """Shows a run: events while it runs, then its summary or its error."""

    def target(self, kind: str, reason: str) -> None:
        """Say what the run works on, first of all."""

    def event(self, event: Event) -> None:
        """Show one event."""

    def differences(self, title: str, report: Report) -> None:
        """Show what would change, or has changed."""

    def error(self, error: KoprogoError) -> None:
        """Show why the run stopped."""

    def summary(self, kind: str, report: Report, next_steps: Sequence[str]) -> None:
        """Show how the run ended."""


class PeopleView:
    """For people: a spinner with what is being waited for, and lines that stay."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._phase = ""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = self._console.status("")
            self._status.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pause()

    def pause(self) -> None:
        """Stop the spinner, so that a question can be asked."""
        if self._status:
            self._status.stop()

    def target(self, kind: str, reason: str) -> None:
        """Say what the run works on, first of all."""
        self._line(f"Target: [bold]{kind}[/] - {escape(reason)}")

    def event(self, event: Event) -> None:
        """Show one event; waits only move the spinner."""
        match event:
            case PhaseStarted(title):
                self._phase = title
                self._spin(title)
                if not self._status:
                    self._line(f"[bold]{title}[/]")
            case Waiting(condition, observation, seconds_left):
                self._spin(f"{self._phase}: {escape(condition)} - {escape(observation)} ({seconds_left:.0f} s left)")
            case HostDone(host, _, differences, seconds, error):
                self._host(host, differences, seconds, error)
            case PhaseEnded(title, seconds, changes):
                self._line(f"[green]✓[/] {title} [dim]{seconds:.1f} s, {_count(changes, 'difference')}[/]")
            case Note(text):
                self._line(f"  {escape(text)}")

    def _host(self, host: str, differences: Sequence[Difference], seconds: float, error: str | None) -> None:
        if error:
            self._line(f"  [red]✗ {host}[/] failed after {seconds:.1f} s")
        elif differences:
            self._line(f"  {host}: {_count(len(differences), 'difference')} [dim]{seconds:.1f} s[/]")

    def _spin(self, text: str) -> None:
        if self._status:
            self._status.update(text)

    def _line(self, text: str) -> None:
        self._console.print(text, highlight=False, soft_wrap=True)

    def differences(self, title: str, report: Report) -> None:
        """Show every difference under its host."""
        self.pause()
        self._line(f"\n[bold]{title}[/]")
        groups: list[tuple[str, Iterable[Difference]]] = [("cloud, secrets, releases", report.differences)]
        groups += [(name, host.differences) for name, host in report.hosts.items()]
        for name, differences in groups:
            if listed := list(differences):
                self._line(f"[bold]{name}[/]")
                for difference in listed:
                    self._line(f"  {SIGNS[difference.operation]} {escape(_text(difference))}")
        self._line(f"{_count(report.changed, 'difference')} in all.")

    def error(self, error: KoprogoError) -> None:
        """Show what was seen, the cause, and the next step."""
        self.pause()
        self._line(f"[bold red]Error:[/] {escape(error.seen)}")
        if error.cause:
            self._line(f"[bold]Likely cause:[/] {escape(error.cause)}")
        if error.next_step:
            self._line(f"[bold]Next:[/] {escape(error.next_step)}")

    def summary(self, kind: str, report: Report, next_steps: Sequence[str]) -> None:
        """Show a table of hosts, what could not apply, and what to do next."""
        self.pause()
        phases = list(dict.fromkeys(title for host in report.hosts.values() for title in host.seconds))
        table = Table("Host", *phases, "Differences", "State", title=f"Target {kind}: seconds per host and phase")
        for name, host in report.hosts.items():
            times = [f"{host.seconds[phase]:.1f}" if phase in host.seconds else "" for phase in phases]
            state = "[red]failed[/]" if host.error else "[green]as desired[/]"
            table.add_row(name, *times, str(len(host.differences)), state)
        if report.hosts:
            self._console.print(table)
        skipped: dict[tuple[str, str], list[str]] = {}
        for name, host in report.hosts.items():
            for pair in host.not_applicable:
                skipped.setdefault(pair, []).append(name)
        for (what, reason), names in skipped.items():
            self._line(f"[yellow]Not applicable[/] on {_hosts(names, report)}: {escape(what)} ({escape(reason)})")
        self._line(f"[bold]{_count(report.changed, 'change')}, {report.failed} failed, {report.seconds:.0f} s.[/]")
        for step in next_steps:
            self._line(f"  {escape(step)}")


class JsonView:
    """For machines: one JSON object a line on standard output, and nothing else."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put away."""

    def _write(self, event: str, **fields: Any) -> None:
        sys.stdout.write(json.dumps({"event": event, **fields}) + "\n")
        sys.stdout.flush()

    def target(self, kind: str, reason: str) -> None:
        """Write the target."""
        self._write("target", target=kind, reason=reason)

    def event(self, event: Event) -> None:
        """Write one event."""
        match event:
            case PhaseStarted(title):
                self._write("phase-started", phase=title)
            case Waiting(condition, observation, seconds_left):
                self._write(
                    "waiting", condition=condition, observation=observation, seconds_left=round(seconds_left, 1)
                )
            case HostDone(host, phase, differences, seconds, error):
                self._write(
                    "host",
                    host=host,
                    phase=phase,
                    differences=[_plain(difference) for difference in differences],
                    seconds=round(seconds, 2),
                    error=error,
                )
            case PhaseEnded(title, seconds, changes):
                self._write("phase-ended", phase=title, seconds=round(seconds, 2), changes=changes)
            case Note(text):
                self._write("note", text=text)

    def differences(self, title: str, report: Report) -> None:
        """Write every difference."""
        hosts = {name: [_plain(item) for item in host.differences] for name, host in report.hosts.items()}
        self._write("differences", title=title, differences=[_plain(item) for item in report.differences], hosts=hosts)

    def error(self, error: KoprogoError) -> None:
        """Write what was seen, the cause, and the next step."""
        self._write("error", kind=type(error).__name__, seen=error.seen, cause=error.cause, next_step=error.next_step)

    def summary(self, kind: str, report: Report, next_steps: Sequence[str]) -> None:  # noqa: ARG002 - for people
        """Write the last line."""
        hosts = {
            name: {
                "changed": len(host.differences),
                "failed": host.error is not None,
                "not_applicable": [list(pair) for pair in host.not_applicable],
                "seconds": {phase: round(seconds, 2) for phase, seconds in host.seconds.items()},
            }
            for name, host in report.hosts.items()
        }
        self._write(
            "summary",
            target=kind,
            changed=report.changed,
            failed=report.failed,
            hosts=hosts,
            seconds=round(report.seconds, 1),
        )


def _plain(difference: Difference) -> dict[str, str]:
    return {
        "operation": difference.operation.value,
        "what": difference.what,
        "old": difference.old,
        "new": difference.new,
        "detail": difference.detail,
    }


def _text(difference: Difference) -> str:
    lines = [str(difference)]
    lines += [f"    {line}" for line in difference.detail.splitlines()[2:]]
    return "\n".join(lines)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _hosts(names: Sequence[str], report: Report) -> str:
    return "every host" if len(names) == len(report.hosts) else ", ".join(names)
