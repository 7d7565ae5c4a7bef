"""What became of a task on each host: an answer for every host that was selected, whatever happened."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from nornir.core.exceptions import NornirSubTaskError
from nornir.core.task import AggregatedResult, MultiResult

from koprogo_fleet.core.diff import Difference
from koprogo_fleet.core.errors import KoprogoError, NotConverged, Unreachable


class Status(Enum):
    """How a task ended on a host."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    UNREACHABLE = "unreachable"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Outcome:
    """
    What one task did on one host.

    Attributes:
        seconds: from its start to its end, retries included; 0 if it was never started.
        differences: what it mended, or would mend in a dry run.
        not_applicable: (name, reason) of what cannot be had on this host.
        value: the task's own result; None unless it ended well.
        error: why the host is not as desired; None for changed and unchanged. What a task raised that is not
            explained is its ``__cause__``.
        reason: why the host was skipped.
    """

    host: str
    status: Status
    seconds: float = 0.0
    differences: tuple[Difference, ...] = ()
    not_applicable: tuple[tuple[str, str], ...] = ()
    value: Any = None
    error: KoprogoError | None = None
    reason: str = ""


class FleetResult(AggregatedResult):
    """
    Nornir's result, with an entry for every selected host.

    A skipped host counts as failed, so that Nornir leaves it out of what follows.

    Attributes:
        outcomes: the same by host, in our terms.
        observer_errors: what processors and listeners raised; no result was lost by it.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.outcomes: dict[str, Outcome] = {}
        self.observer_errors: list[Exception] = []


def outcome_of(host: str, result: MultiResult, seconds: float) -> Outcome:
    """Put the *result* of a task that was started on *host* into our terms."""
    first = result[0]
    differences: tuple[Difference, ...] = tuple(getattr(first, "differences", ()))
    not_applicable: tuple[tuple[str, str], ...] = tuple(getattr(first, "not_applicable", ()))
    if not result.failed:
        status = Status.CHANGED if result.changed else Status.UNCHANGED
        return Outcome(host, status, seconds, differences, not_applicable, first.result)
    error = _explained(host, result)
    status = Status.UNREACHABLE if isinstance(error, Unreachable) else Status.FAILED
    return Outcome(host, status, seconds, differences, not_applicable, error=error)


def _explained(host: str, result: MultiResult) -> KoprogoError:
    error = root_error(result)
    if isinstance(error, KoprogoError):
        return error
    if error is None:
        return NotConverged(f"{host}: {result.name} says that it failed: {result[0].result}")
    explained = KoprogoError(
        f"{host}: {result.name} raised {type(error).__name__}: {error}", cause="the task did not expect this"
    )
    explained.__cause__ = error
    return explained


def root_error(result: MultiResult) -> BaseException | None:
    """Return the exception that made a task fail, out of the subtask where it was raised; None if there was none."""
    error = next((part.exception for part in result if part.exception), None)
    if isinstance(error, NornirSubTaskError):
        return root_error(error.result)
    return error
