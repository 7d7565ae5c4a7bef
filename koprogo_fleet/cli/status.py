"""The word for how a host ended a run, and why."""

from __future__ import annotations

from enum import Enum
from typing import Literal, NamedTuple, get_args

from koprogo_fleet.core.errors import KoprogoError, Unreachable
from koprogo_fleet.workflows.run import HostReport

Word = Literal["changed", "unchanged", "failed", "unreachable", "skipped"]
CHANGED, UNCHANGED, FAILED, UNREACHABLE, SKIPPED = WORDS = get_args(Word)


class Explanation(NamedTuple):
    """An error in words."""

    seen: str
    cause: str | None
    next_step: str | None


def status_of(host: HostReport) -> Word:
    """Return how *host* ended the run."""
    status = getattr(host, "status", None)
    if isinstance(status, Enum):
        return next(word for word in get_args(Word) if word == status.value)
    if host.error:
        return "unreachable" if isinstance(host.error, Unreachable) else "failed"
    return "changed" if host.differences else "unchanged"


def reason_of(host: HostReport) -> str:
    """Return why *host* was skipped; empty if it was not."""
    return str(getattr(host, "reason", ""))


def explanation(error: Exception) -> Explanation:
    """Return what an error says; of one that nobody explained only its class, for its text may quote anything."""
    if isinstance(error, KoprogoError):
        return Explanation(error.seen, error.cause, error.next_step)
    return Explanation(f"a bug in a task: {type(error).__name__}", None, "report it, with the traceback")
