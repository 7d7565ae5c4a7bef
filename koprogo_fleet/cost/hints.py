"""What the same fleet could cost less, with the figures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from koprogo_fleet.cost.estimate import HOURS_PER_MONTH, Estimate, Line
from koprogo_fleet.cost.items import Billing, Kind

_ONLY_SAVINGS_PLANS = ("b3-", "c3-", "r3-")


@dataclass(frozen=True)
class Hint:
    """A sentence, and what it would save a month; None where the catalogue has no figure."""

    text: str
    saving: Decimal | None


def hints(found: Estimate) -> tuple[Hint, ...]:
    """Return what could be saved by another way to pay, the most first."""
    instances = sorted(
        (line for line in found.lines if line.wanted.kind == Kind.INSTANCE), key=lambda line: line.wanted.type
    )
    given: list[Hint] = []
    for flavor, group in groupby(instances, key=lambda line: line.wanted.type):
        hourly = [line for line in group if line.wanted.billing == Billing.HOURLY]
        if hourly:
            given += _of_flavor(flavor, hourly, found.currency)
    return tuple(sorted(given, key=lambda hint: hint.saving or Decimal(0), reverse=True))


def _of_flavor(flavor: str, lines: list[Line], currency: str) -> Iterator[Hint]:
    line, count = lines[0], len(lines)
    if line.monthly_plan is not None and line.monthly_plan < line.by_hours:
        saving = count * (line.by_hours - line.monthly_plan)
        hours = line.monthly_plan / line.hourly
        yield Hint(
            f"{count} x {flavor} by the month: {count * line.monthly_plan:.2f} {currency} instead of "
            f"{count * line.by_hours:.2f} by the hour, {saving:.2f} less a month. It pays for a node that runs more than "
            f"{hours:.0f} of {HOURS_PER_MONTH} hours, and cannot be taken back",
            saving,
        )
    for term in line.commitments:
        monthly = term.monthly if term.monthly is not None else (term.hourly or Decimal(0)) * HOURS_PER_MONTH
        if Decimal(0) < monthly < line.by_hours:
            saving = count * (line.by_hours - monthly)
            yield Hint(
                f"{count} x {flavor} with a commitment of {term.months} months: {count * monthly:.2f} {currency} a month, "
                f"{saving:.2f} less",
                saving,
            )
    if line.monthly_plan is None and not line.commitments and flavor.startswith(_ONLY_SAVINGS_PLANS):
        yield Hint(
            f"{count} x {flavor}: OVH sells Savings Plans for it (1 month or longer), whose prices this catalogue does not "
            "have; see Savings Plans in the OVH manager",
            None,
        )
