"""What a run tells while it runs. The command line draws it; nothing below the command line prints."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

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
    """
    Something is being waited for: the *condition*, what was seen last, and when we give up (seconds left).

    *host* is set where it is one host's, see :func:`on_host`. *pause* is how long nothing will be seen, where that is known
    to be worth telling at once.
    """

    condition: str
    observation: str
    seconds_left: float
    host: str | None = None
    pause: float = 0.0


@dataclass(frozen=True)
class HostStarted:
    """One host begins one phase."""

    host: str
    phase: str


@dataclass(frozen=True)
class HostDone:
    """One host finished one phase. *error* is set when it failed."""

    host: str
    phase: str
    differences: Sequence[Difference] = field(default_factory=tuple)
    seconds: float = 0.0
    error: str | None = None


@dataclass(frozen=True)
class Journaled:
    """The run's journal holds its record *number* (from 1), and the disk does, too."""

    number: int


@dataclass(frozen=True)
class CostChange:
    """What an object costs a month before and after a plan."""

    what: str
    before: Decimal
    after: Decimal


@dataclass(frozen=True)
class Cost:
    """
    What a plan does to the monthly bill of the fleet, without tax.

    Attributes:
        change: what is added to it.
        total: what it is afterwards.
        budget: what it may be; None where nobody says so.
        changes: of the plan's steps, those that cost or save.
        unpriced: what the catalogue has no price for, which is in no sum.
        carbon_kilograms: of CO2 a month afterwards; an estimate.
        carbon_basis: what that is made of.
    """

    currency: str
    change: Decimal
    total: Decimal
    budget: Decimal | None
    changes: Sequence[CostChange]
    unpriced: Sequence[str]
    carbon_kilograms: Decimal
    carbon_basis: str


Event = Note | PhaseStarted | PhaseEnded | Waiting | HostStarted | HostDone | Journaled | Cost
Listener = Callable[[Event], None]


def ignore(_event: Event) -> None:
    """Be the listener of a caller that wants silence."""


def on_host(host: str, listener: Listener) -> Listener:
    """Return a listener that tells *listener* the same, and of waits, that they are *host*'s."""
    return lambda event: listener(replace(event, host=host) if isinstance(event, Waiting) else event)
