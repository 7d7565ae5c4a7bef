"""What ``--json`` prints: each line is one of these models. ``docs/reference/events.md`` is made from them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from koprogo_fleet.cli.status import Word, explanation, reason_of, status_of
from koprogo_fleet.core import diff, events
from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.workflows.run import HostReport, Report


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True, use_attribute_docstrings=True, json_schema_serialization_defaults_required=True
    )


def _now() -> str:
    return datetime.now(tz=UTC).isoformat(timespec="milliseconds")


class Line(_Model):
    """One line."""

    event: str
    """What the line is."""
    time: str = Field(default_factory=_now, json_schema_extra={"format": "date-time"})
    """When it was written, in UTC."""


class Difference(_Model):
    """One thing that is not as desired. Secrets are named, never shown."""

    operation: Literal["create", "change", "replace", "delete"]
    """What has to happen."""
    what: str
    """The thing, such as `file /etc/hosts`."""
    old: str
    """As it is; empty where that says nothing."""
    new: str
    """As it should be."""
    detail: str
    """A unified diff, or empty."""

    @classmethod
    def all_of(cls, differences: Sequence[diff.Difference]) -> tuple[Self, ...]:
        """Return the same differences, for machines."""
        return tuple(
            cls(operation=item.operation.value, what=item.what, old=item.old, new=item.new, detail=item.detail)
            for item in differences
        )


class Target(Line):
    """The first line: what the run works on."""

    event: Literal["target"] = "target"
    target: str
    """`lab` or `ovh`."""
    reason: str
    """Why."""


class PhaseStarted(Line):
    """A phase of the workflow begins."""

    event: Literal["phase-started"] = "phase-started"
    phase: str
    """Title of the phase."""


class HostStarted(Line):
    """One host begins one phase."""

    event: Literal["host-started"] = "host-started"
    host: str
    """Name in the inventory."""
    phase: str
    """Title of the host's phase: one of the workflow may have several, or share one with another."""


class Waiting(Line):
    """Every few seconds, while something is waited for."""

    event: Literal["waiting"] = "waiting"
    host: str | None
    """The host that is waited for, where it is one."""
    condition: str
    """What has to become true."""
    observation: str
    """What was seen last."""
    seconds_left: float
    """When it is given up."""


class Host(Line):
    """One host has finished one phase."""

    event: Literal["host"] = "host"
    host: str
    """Name in the inventory."""
    phase: str
    """Title of the host's phase."""
    differences: tuple[Difference, ...]
    """What was not as desired."""
    seconds: float
    """How long it took."""
    error: str | None
    """Why it failed."""


class PhaseEnded(Line):
    """A phase of the workflow has ended."""

    event: Literal["phase-ended"] = "phase-ended"
    phase: str
    """Title of the phase."""
    seconds: float
    """How long it took."""
    changes: int
    """Differences that it made good, or found in a plan."""


class Note(Line):
    """Something worth a sentence."""

    event: Literal["note"] = "note"
    text: str
    """A sentence for people."""


class Journaled(Line):
    """The journal has one record more, and the disk has it."""

    event: Literal["journaled"] = "journaled"
    number: int
    """Of the record, from 1."""


class CostChange(_Model):
    """What one object of the plan costs a month. Amounts are text, so that no reader makes them inexact."""

    what: str
    """The object, such as `instance koprogo-worker-1`."""
    before: str
    """Before the plan."""
    after: str
    """After it."""


class Cost(Line):
    """What a plan does to the monthly bill, without tax: by OVH's catalogue, of everything that bears the fleet's names."""

    event: Literal["cost"] = "cost"
    currency: str
    """Such as `EUR`."""
    change: str
    """What the plan adds to the bill."""
    total: str
    """The bill after the plan."""
    budget: str | None
    """What it may be."""
    changes: tuple[CostChange, ...]
    """The plan's objects that cost or save."""
    unpriced: tuple[str, ...]
    """What the catalogue has no price for, which is in no sum."""
    carbon_kilograms: str
    """CO2 of the instances a month, after the plan: an estimate."""
    carbon_basis: str
    """What the estimate is made of."""

    @classmethod
    def of(cls, cost: events.Cost) -> Self:
        """Return the same, for machines."""
        return cls(
            currency=cost.currency,
            change=f"{cost.change:.2f}",
            total=f"{cost.total:.2f}",
            budget=None if cost.budget is None else f"{cost.budget:.2f}",
            changes=tuple(
                CostChange(what=item.what, before=f"{item.before:.2f}", after=f"{item.after:.2f}")
                for item in cost.changes
            ),
            unpriced=tuple(cost.unpriced),
            carbon_kilograms=f"{cost.carbon_kilograms:.1f}",
            carbon_basis=cost.carbon_basis,
        )


class Differences(Line):
    """What a plan found."""

    event: Literal["differences"] = "differences"
    title: str
    """`Plan`."""
    differences: tuple[Difference, ...]
    """Those that belong to no host: cloud, secrets, releases."""
    hosts: dict[str, tuple[Difference, ...]]
    """Those of each host, by its name."""


class Error(Line):
    """Why the run stopped; the line before `summary`. The errors of all hosts are in the summary."""

    event: Literal["error"] = "error"
    kind: str
    """Name of a class in `koprogo_fleet/core/errors.py`."""
    seen: str
    """What was seen."""
    cause: str | None
    """The likely cause."""
    next_step: str | None
    """What to do."""


class HostSummary(_Model):
    """How one host ended."""

    status: Word
    """How it ended; in a plan, `changed` means that it would be."""
    reason: str
    """Why it was skipped; empty if it was not."""
    changed: int
    """Differences that were made good, or found in a plan."""
    failed: bool
    """Whether it failed, or could not be reached."""
    error: str | None
    """Why."""
    not_applicable: tuple[tuple[str, str], ...]
    """What cannot be had on this node, each with the reason."""
    seconds: dict[str, float]
    """By phase."""

    @classmethod
    def of(cls, host: HostReport) -> Self:
        """Return the same report, for machines."""
        return cls(
            status=status_of(host),
            reason=reason_of(host),
            changed=len(host.differences),
            failed=host.error is not None,
            error=explanation(host.error).seen if host.error else None,
            not_applicable=tuple(host.not_applicable),
            seconds={phase: round(seconds, 2) for phase, seconds in host.seconds.items()},
        )


class Summary(Line):
    """The last line, also when an error stopped the run."""

    event: Literal["summary"] = "summary"
    target: str
    """`lab` or `ovh`."""
    changed: int
    """All differences that were made good, or found in a plan."""
    failed: int
    """How many hosts failed."""
    hosts: dict[str, HostSummary]
    """Each host by its name."""
    seconds: float
    """How long the run took."""


def line_of(event: events.Event) -> Line:
    """Return the line that tells *event*."""
    match event:
        case events.PhaseStarted(title):
            line: Line = PhaseStarted(phase=title)
        case events.PhaseEnded(title, seconds, changes):
            line = PhaseEnded(phase=title, seconds=round(seconds, 2), changes=changes)
        case events.HostStarted(host, phase):
            line = HostStarted(host=host, phase=phase)
        case events.HostDone(host, phase, differences, seconds, error):
            found = Difference.all_of(differences)
            line = Host(host=host, phase=phase, differences=found, seconds=round(seconds, 2), error=error)
        case events.Waiting(condition, observation, seconds_left, host):
            left = round(seconds_left, 1)
            line = Waiting(host=host, condition=condition, observation=observation, seconds_left=left)
        case events.Note(text):
            line = Note(text=text)
        case events.Journaled(number):
            line = Journaled(number=number)
        case events.Cost():
            line = Cost.of(event)
    return line


def differences_line(title: str, report: Report) -> Line:
    """Return the line that tells every difference."""
    hosts = {name: Difference.all_of(host.differences) for name, host in report.hosts.items()}
    return Differences(title=title, differences=Difference.all_of(report.differences), hosts=hosts)


def error_line(error: KoprogoError) -> Line:
    """Return the line that tells what was seen, the cause, and the next step."""
    return Error(kind=type(error).__name__, seen=error.seen, cause=error.cause, next_step=error.next_step)


def summary_line(kind: str, report: Report) -> Line:
    """Return the last line."""
    return Summary(
        target=kind,
        changed=report.changed,
        failed=report.failed,
        hosts={name: HostSummary.of(host) for name, host in report.hosts.items()},
        seconds=round(report.seconds, 1),
    )
