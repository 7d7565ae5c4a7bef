"""What a run tells while it runs. The command line draws it; nothing below the command line prints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from koprogo_fleet.core.diff import Difference


@dataclass(frozen=True)
class Note:
    """A sentence worth a line: what was found, chosen or done."""

    text: str


@dataclass(frozen=True)
class PhaseStarted:
    """A titled phase of a workflow begins."""

    title: str


@dataclass(frozen=True)
class PhaseEnded:
    """A phase ended after *seconds*; *changes* counts what it changed (or would change, in a plan)."""

    title: str
    seconds: float
    changes: int


@dataclass(frozen=True)
class Waiting:
    """Something is being waited for: the *condition*, what was seen last, and when we give up (seconds left)."""

    condition: str
    observation: str
    seconds_left: float


@dataclass(frozen=True)
class HostDone:
    """One host finished one phase. *error* is set when it failed."""

    host: str
    phase: str
    differences: Sequence[Difference] = field(default_factory=tuple)
    seconds: float = 0.0
    error: str | None = None


Event = Note | PhaseStarted | PhaseEnded | Waiting | HostDone
Listener = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Be the listener of a caller that wants silence."""
