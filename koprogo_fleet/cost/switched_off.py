"""
What a fleet that is switched off saves. Pure.

OVH's guide "Shelve or pause an instance" (2026-02-27; ovh/docs, ``pages/public_cloud/compute/suspend_or_pause_an_instance``)
says: an instance that is turned off is billed as before; of one that is shelved only the snapshot is billed; one by the
month is billed whole as soon as it ran at all in a month. Prices of snapshots are in no catalogue that we could read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from koprogo_fleet.cost.estimate import Estimate, Line
from koprogo_fleet.cost.items import Billing, Kind


@dataclass(frozen=True)
class SwitchedOff:
    """
    An hour off, without tax.

    Attributes:
        shelved: whether the instances are shelved, or only stopped.
        instances: those that are billed by the hour.
        saving: what they cost in an hour, and do not cost while they are shelved; their snapshots not counted.
        by_month: the names of the instances that are billed by the month: they save nothing.
        rest: what everything else costs in that hour: volumes, addresses, load balancers.
        unpriced: the names of what has no price, and is in no sum.
    """

    currency: str
    shelved: bool
    instances: int
    saving: Decimal
    by_month: tuple[str, ...]
    rest: Decimal
    unpriced: tuple[str, ...]

    def sentences(self) -> Iterator[str]:
        """Yield what it means, for people."""
        amount = f"{self.saving:.4f} {self.currency} less an hour, but for their snapshots, which OVH bills by size"
        if self.instances and self.shelved:
            yield f"while they are shelved, {self.instances} instances cost {amount}"
        elif self.instances:
            yield (
                "this saves nothing: OVH bills a stopped instance as before. "
                f"Shelved (--shelve), these {self.instances} would cost {amount}"
            )
        if self.by_month:
            yield f"billed by the month, on or off: {', '.join(self.by_month)}"
        if self.rest:
            yield f"billed on as before: {self.rest:.4f} {self.currency} an hour for volumes, addresses, load balancers"
        if self.unpriced:
            yield f"no price: {', '.join(self.unpriced)}"


def switched_off(found: Estimate, *, shelved: bool) -> SwitchedOff:
    """Return what *found*, a fleet whose instances are all off, saves in an hour."""
    hourly = [line for line in found.lines if _is_instance(line) and line.wanted.billing is Billing.HOURLY]
    return SwitchedOff(
        found.currency,
        shelved,
        len(hourly),
        sum((line.hourly for line in hourly), Decimal(0)),
        tuple(
            line.wanted.name for line in found.lines if _is_instance(line) and line.wanted.billing is Billing.MONTHLY
        ),
        sum((line.hourly for line in found.lines if not _is_instance(line)), Decimal(0)),
        tuple(f"{item.kind} {item.name}" for item in found.unpriced),
    )


def _is_instance(line: Line) -> bool:
    return line.wanted.kind is Kind.INSTANCE
