"""A run in a file: every event as a line with its time, for whoever asks tomorrow what happened."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from koprogo_fleet.cli.status import explanation, reason_of, status_of
from koprogo_fleet.cli.wording import cost_lines, count, difference_lines, duration, printable
from koprogo_fleet.core.diff import Difference
from koprogo_fleet.core.errors import InputError, KoprogoError
from koprogo_fleet.core.events import (
    Cost,
    Event,
    HostDone,
    HostStarted,
    Journaled,
    Note,
    PhaseEnded,
    PhaseStarted,
    Waiting,
)
from koprogo_fleet.workflows.run import Report

MODE = 0o600


class LogFile:
    """
    Appends a run to the file *path*; one that is not there is made readable by its owner alone.

    Each line begins with the time in UTC; the second and further lines of a text are indented behind it. Secrets are
    not in it: no event carries one.

    Raises:
        InputError: the file cannot be written, at the beginning or later.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, MODE)
        except OSError as error:
            raise self._explained(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file; an end that nobody explained leaves the name of its class, for its text may quote anything."""
        try:
            if kind and not issubclass(kind, KoprogoError):
                self._write(f"ended by {kind.__name__}")
        finally:
            os.close(self._descriptor)

    def target(self, kind: str, reason: str) -> None:
        """Write the target."""
        self._write(f"target {kind}: {reason}")

    def event(self, event: Event) -> None:
        """Write one event."""
        match event:
            case PhaseStarted(title):
                self._write(f"phase {title}: begins")
            case PhaseEnded(title, seconds, changes):
                self._write(f"phase {title}: ended after {duration(seconds)}, {count(changes, 'difference')}")
            case HostStarted(host, phase):
                self._write(f"host {host}: {phase} begins")
            case HostDone():
                self._host(event)
            case Waiting(condition, observation, seconds_left):
                self._write(f"waiting for {condition} - {observation} ({duration(seconds_left)} left)")
            case Note(text):
                self._write(text)
            case Cost():
                self._cost(event)
            case Journaled(number):
                self._write(f"journal: record {number} is on the disk")

    def _host(self, done: HostDone) -> None:
        host = f"host {done.host}"
        self._write(f"{host}: {done.phase} {'failed' if done.error else 'done'} after {duration(done.seconds)}")
        self._differences(host, done.differences)
        if done.error:
            self._write(f"{host}: {done.error}")

    def _cost(self, cost: Cost) -> None:
        for text in cost_lines(cost):
            self._write(f"cost: {text}")
        for item in cost.changes:
            self._write(f"cost: {item.what}: {item.before:.2f} -> {item.after:.2f} {cost.currency} a month")

    def differences(self, title: str, report: Report) -> None:
        """Write every difference."""
        self._differences(title, report.differences)
        for name, host in report.hosts.items():
            self._differences(f"{title}, host {name}", host.differences)

    def summary(
        self,
        kind: str,  # noqa: ARG002 - the first line says it
        report: Report,
        next_steps: Sequence[str] = (),  # noqa: ARG002 - for people
        *,
        error: KoprogoError | None = None,
        planned: bool = False,
    ) -> None:
        """Write how each host ended, the error, and the counts."""
        for name, host in report.hosts.items():
            reason = explanation(host.error).seen if host.error else reason_of(host)
            self._write(f"host {name}: {status_of(host)}" + (f": {reason}" if reason else ""))
        if error:
            self._write(f"error {type(error).__name__}: {error.seen}")
            for label, text in (("likely cause", error.cause), ("next", error.next_step)):
                if text:
                    self._write(f"{label}: {text}")
        counts = f"{count(report.changed, 'difference')}, {report.failed} failed"
        self._write(f"{'planned' if planned else 'ended'} after {duration(report.seconds)}: {counts}")

    def _differences(self, where: str, differences: Sequence[Difference]) -> None:
        for difference in differences:
            first, *rest = difference_lines(difference)
            self._write("\n".join([f"{where}: {first}", *rest]))

    def _write(self, text: str) -> None:
        now = datetime.now(tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        lines = printable(text).splitlines() or [""]
        data = "".join(f"{now} {'    ' if number else ''}{line}\n" for number, line in enumerate(lines)).encode()
        with self._lock:
            try:
                while data:
                    data = data[os.write(self._descriptor, data) :]
            except OSError as error:
                raise self._explained(error) from error

    def _explained(self, error: OSError) -> InputError:
        return InputError(
            f"cannot write the log file {self._path}: {error.strerror}",
            cause="the disk is full" if error.errno == errno.ENOSPC else None,
            next_step=f"look at {self._path.absolute().parent} (df -h, ls -ld), or name another file: --log-file PATH",
        )
