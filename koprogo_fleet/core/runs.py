"""The runs of a fleet, as their journals tell them (see :mod:`koprogo_fleet.core.journal`)."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from koprogo_fleet.core.journal import COMMITTED, DIRECTORY, FAILED, INTENT

DONE = "done"
OUTCOMES: Mapping[str, str | None] = {INTENT: None, COMMITTED: DONE, FAILED: FAILED}


@dataclass(frozen=True)
class Step:
    """A step of a run; *outcome* is "done", "failed", or None when nobody knows."""

    name: str
    outcome: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class Change:
    """
    A change of one host, a part of the step *step*.

    Attributes:
        what: the action: "converge", "reboot".
        differences: what was to be mended, as texts.
        outcome: "done", "failed", or None when nobody knows how much of it has happened.
    """

    host: str
    what: str
    step: str = ""
    differences: tuple[str, ...] = ()
    outcome: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class Run:
    """
    A run as its journal tells it.

    Attributes:
        arguments: what its command needs to be run again; empty for a run that a script began.
        outcome: "done", "failed", or None while it runs and after it was killed.
        running: its process lives.
    """

    id: str
    started: str
    command: str
    target: str
    steps: tuple[Step, ...] = ()
    changes: tuple[Change, ...] = ()
    outcome: str | None = None
    reason: str = ""
    running: bool = False
    arguments: Mapping[str, str] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """In a word: "done", "failed", "running" or "killed"."""
        return self.outcome or ("running" if self.running else "killed")

    @property
    def unknown(self) -> tuple[str, ...]:
        """The steps and changes that were begun and have no result: they may have happened, in whole or in part."""
        return (
            *(step.name for step in self.steps if step.outcome is None),
            *(f"{change.host}: {change.what}" for change in self.changes if change.outcome is None),
        )


def list_runs(state_directory: Path) -> tuple[Run, ...]:
    """Return the runs in the journal, the oldest first. A line that was cut off by a crash is not there."""
    return tuple(_read(path) for path in sorted((state_directory / DIRECTORY).glob("*.jsonl")))


def last_unfinished(state_directory: Path) -> Run | None:
    """Return the newest run if it has no end: it still runs, or was killed."""
    newest = max((state_directory / DIRECTORY).glob("*.jsonl"), default=None)
    run = _read(newest) if newest is not None else None
    return run if run is not None and run.outcome is None else None


def _read(path: Path) -> Run:
    running = _is_locked(path)  # before its records: a run that ends in between is then told as ended
    run = Run(path.stem, started="", command="", target="", running=running)
    steps: dict[str, Step] = {}
    changes: dict[int, Change] = {}
    for record in _records(path):
        event, reason = record.get("event"), record.get("reason", "")
        if event == "started":
            run = replace(
                run,
                started=record.get("time", ""),
                command=record.get("command", ""),
                target=record.get("target", ""),
                arguments=record.get("arguments", {}),
            )
        elif event == "ended":
            run = replace(run, outcome=record.get("outcome"), reason=reason, running=False)
        elif name := record.get("step"):
            steps[name] = Step(name, OUTCOMES.get(str(event)), reason)
        elif number := record.get("change"):
            begun = changes[number] if number in changes else _intent(record)
            changes[number] = replace(begun, outcome=OUTCOMES.get(str(event)), reason=reason)
    return replace(run, steps=tuple(steps.values()), changes=tuple(changes.values()))


def _intent(record: Mapping[str, Any]) -> Change:
    return Change(
        host=record.get("host", ""),
        what=record.get("what", ""),
        step=record.get("in_step", ""),
        differences=tuple(record.get("differences", ())),
    )


def _records(path: Path) -> Iterator[Mapping[str, Any]]:
    for line in path.read_bytes().splitlines():
        try:
            record = json.loads(line)
        except ValueError:  # the torn last line of a run that was killed, or a full disk
            continue
        if isinstance(record, dict):
            yield record


def _is_locked(path: Path) -> bool:
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
