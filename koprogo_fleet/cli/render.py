"""What a run is shown by, and how people see it: live progress on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.markup import escape

from koprogo_fleet.cli.live import LiveTable
from koprogo_fleet.cli.results import line, show_differences, show_error, show_errors, show_hosts
from koprogo_fleet.cli.wording import cost_lines, count, duration, printable, without_name
from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.events import Cost, Event, HostDone, Note, PhaseEnded, PhaseStarted, Waiting
from koprogo_fleet.workflows.run import Report

PIPE_WIDTH = 120
"""Columns of tables where no terminal says how wide it is."""

QUIET_SECONDS = 20.0
"""Without a terminal, a wait becomes a line when it has lasted so long, and again each time it has."""

LONG_PAUSE = 5.0
"""A pause of so many seconds is told before it begins: nothing else will be heard while it lasts."""


def people_console(*, stderr: bool = False) -> Console:
    """Return a console as wide as the terminal; in a pipe wide enough for a table."""
    console = Console(stderr=stderr)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPE_WIDTH
    return console


class View(AbstractContextManager["View"], Protocol):
    """Shows a run: events while it runs, then its summary and its error."""

    def target(self, kind: str, reason: str) -> None:
        """Say what the run works on, first of all."""

    def event(self, event: Event) -> None:
        """Show one event; called from any thread."""

    def differences(self, title: str, report: Report) -> None:
        """Show what would change."""

    def summary(
        self,
        kind: str,
        report: Report,
        next_steps: Sequence[str] = (),
        *,
        error: KoprogoError | None = None,
        planned: bool = False,
    ) -> None:
        """Show how the run ended: each host, and *error* if it stopped the run. *planned* if nothing was changed."""


class PeopleView:
    """
    For people: a live table on a terminal, and lines that stay.

    Args:
        console: where progress and results go.
        errors: where errors go; by default the same place.
        clock: gives the seconds that waits are measured with.
    """

    def __init__(
        self, console: Console, errors: Console | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._errors = errors or console
        self._clock = clock
        self._live = LiveTable(console, clock) if console.is_terminal else None
        self._drawing = False
        self._quiet_since: dict[str, float] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._draw()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.pause()

    def pause(self) -> None:
        """Take the live table away until the next phase, so that a question can be asked."""
        if self._live and self._drawing:
            self._live.stop()
        self._drawing = False

    def target(self, kind: str, reason: str) -> None:
        """Say what the run works on, first of all."""
        self._line(f"Target: [bold]{kind}[/] - {escape(reason)}")

    def event(self, event: Event) -> None:
        """Show one event: in the live table, and as a line where it is worth one."""
        if self._live:
            self._live.event(event)
        match event:
            case PhaseStarted(title):
                self._draw()
                self._quiet_since.clear()
                if not self._live:
                    self._line(f"[bold]{escape(title)}[/]")
            case Waiting():
                if not self._live:
                    self._wait(event)
            case HostDone():
                self._host(event)
            case PhaseEnded(title, seconds, changes):
                self._line(f"[green]✓[/] {escape(title)} [dim]{duration(seconds)}, {count(changes, 'difference')}[/]")
            case Note(text):
                self._line(f"  {escape(printable(text))}")
            case Cost():
                self._line("\n".join(f"  {escape(printable(text))}" for text in cost_lines(event)))
            case _:
                pass

    def _draw(self) -> None:
        if self._live and not self._drawing:
            self._live.start()
            self._drawing = True

    def _host(self, done: HostDone) -> None:
        if done.error:
            first, *_ = without_name(done.host, done.error).splitlines() or [""]
            self._line(f"  [red]✗ {done.host}[/] failed after {duration(done.seconds)}: {escape(printable(first))}")
        elif done.differences and not self._live:
            differences = count(len(done.differences), "difference")
            self._line(f"  {done.host}: {differences} [dim]{duration(done.seconds)}[/]")

    def _wait(self, wait: Waiting) -> None:
        now = self._clock()
        with self._lock:
            waited = now - self._quiet_since.setdefault(wait.condition, now)
            if wait.pause < LONG_PAUSE and waited < QUIET_SECONDS:
                return
            self._quiet_since[wait.condition] = now
        text = f"waiting for {wait.condition} - {wait.observation} ({duration(wait.seconds_left)} left)"
        self._line(f"  [dim]{escape(printable(text))}[/]")

    def _line(self, markup: str) -> None:
        line(self._console, markup)

    def differences(self, title: str, report: Report) -> None:
        """Show every difference under its host."""
        self.pause()
        show_differences(self._console, title, report)

    def error(self, error: KoprogoError) -> None:
        """Show what was seen, the cause, and the next step."""
        self.pause()
        show_error(self._errors, error)

    def summary(
        self,
        kind: str,
        report: Report,
        next_steps: Sequence[str] = (),
        *,
        error: KoprogoError | None = None,
        planned: bool = False,
    ) -> None:
        """Show a table of hosts, what could not apply, and what to do next; then the errors of all hosts."""
        self.pause()
        show_hosts(self._console, kind, report, planned=planned)
        for step in next_steps:
            self._line(f"  {escape(step)}")
        if error:
            show_errors(self._errors, report, error)
