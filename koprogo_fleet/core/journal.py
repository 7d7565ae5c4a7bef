"""
What a run was about to do, and what became of it: written before and after each step, and on the disk before the step.

One file a run, one JSON object a line, only ever appended to. A run that was killed is one without an end; its last
intent without a result names what may or may not have happened. Values of secrets are never in it: a step is named.
"""

from __future__ import annotations

import json
import os
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from koprogo_fleet.core.errors import KoprogoError, MissingRequirement
from koprogo_fleet.core.files import sync_directory

DIRECTORY = "journal"


@dataclass(frozen=True)
class Step:
    """A step of a run; *outcome* is "done", "failed", or None when nobody knows."""

    name: str
    outcome: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class Run:
    """A run as its journal tells it; *outcome* is "done", "failed", or None while it runs or after it was killed."""

    id: str
    started: str
    command: str
    target: str
    steps: tuple[Step, ...] = ()
    outcome: str | None = None

    @property
    def unknown(self) -> tuple[str, ...]:
        """The steps that were begun and have no result: look at what they work on before doing them again."""
        return tuple(step.name for step in self.steps if step.outcome is None)


class Journal:
    """
    The journal of one run, as a context manager; safe between threads.

    Args:
        state_directory: the fleet's, see :func:`koprogo_fleet.core.paths.state_dir`.
        command: what the person asked for.
        target: what it works on ("lab", "ovh").
    """

    def __init__(self, state_directory: Path, command: str, target: str) -> None:
        now = datetime.now(tz=UTC)
        self.run_id = f"{now:%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}"
        self.path = state_directory / DIRECTORY / f"{self.run_id}.jsonl"
        self._lock = threading.Lock()
        self._command = command
        self._target = target

    def __enter__(self) -> Self:
        """
        Start the run.

        Raises:
            MissingRequirement: the journal cannot be written; nothing must be changed then.
        """
        with _explained(self.path):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, mode=0o600)
            sync_directory(self.path.parent)
        self._write("started", command=self._command, target=self._target)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End the run: "done", or "failed" with the reason."""
        try:
            self._write("ended", outcome="failed" if error else "done", reason=_reason(error))
        finally:
            os.close(self._descriptor)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """
        Do one step: its intent is on the disk before the body runs, its result after.

        Raises:
            MissingRequirement: the intent cannot be written; the body does not run.
        """
        self._write("intent", step=name)
        try:
            yield
        except BaseException as error:
            self._write("failed", step=name, reason=_reason(error))
            raise
        self._write("done", step=name)

    def _write(self, event: str, **fields: str) -> None:
        record = {"time": datetime.now(tz=UTC).isoformat(timespec="milliseconds"), "event": event, **fields}
        line = (json.dumps(record, ensure_ascii=False) + "\n").encode()
        with self._lock, _explained(self.path):
            written = os.write(self._descriptor, line)
            if written != len(line):
                raise OSError(f"only {written} of {len(line)} bytes were written")
            os.fsync(self._descriptor)


def list_runs(state_directory: Path) -> tuple[Run, ...]:
    """Return the runs in the journal, the oldest first. A line that was cut off by a crash is not there."""
    return tuple(_read(path) for path in sorted((state_directory / DIRECTORY).glob("*.jsonl")))


def last_unfinished(state_directory: Path) -> Run | None:
    """Return the newest run if it has no end: it still runs, or was killed."""
    newest = max((state_directory / DIRECTORY).glob("*.jsonl"), default=None)
    run = _read(newest) if newest is not None else None
    return run if run is not None and run.outcome is None else None


def _read(path: Path) -> Run:
    started: Mapping[str, str] = {}
    steps: dict[str, Step] = {}
    outcome = None
    for record in _records(path):
        event = record.get("event")
        if event == "started":
            started = record
        elif event == "ended":
            outcome = record.get("outcome")
        elif name := record.get("step"):
            steps[name] = Step(name, None if event == "intent" else event, record.get("reason", ""))
    return Run(
        id=path.stem,
        started=started.get("time", ""),
        command=started.get("command", ""),
        target=started.get("target", ""),
        steps=tuple(steps.values()),
        outcome=outcome,
    )


def _records(path: Path) -> Iterator[Mapping[str, str]]:
    for line in path.read_bytes().splitlines():
        try:
            record = json.loads(line)
        except ValueError:  # the torn last line of a run that was killed, or a full disk
            continue
        if isinstance(record, dict):
            yield record


def _reason(error: BaseException | None) -> str:
    """Return an explained error's text; of any other only the class, for its text may quote anything."""
    if error is None:
        return ""
    return f"{type(error).__name__}: {error.seen}" if isinstance(error, KoprogoError) else type(error).__name__


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MissingRequirement(
            f"cannot write the journal {path}: {error.strerror or error}",
            cause="without it a crash could not be recovered from, so nothing is changed",
            next_step=f"look at the space and the permissions of {path.parent} (df -h, ls -ld)",
        ) from error
