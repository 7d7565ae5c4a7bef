"""Prices for what is wanted, line by line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from koprogo_fleet.cost.items import Billing, Kind, Wanted
from koprogo_fleet.cost.plans import plan_codes
from koprogo_fleet.ovh.prices import Commitment, PriceCatalogue

HOURS_PER_MONTH = Decimal(730)
"""365 days of 24 hours, divided by 12."""

_BY_THE_GB = frozenset({Kind.VOLUME, Kind.CONTAINER})


@dataclass(frozen=True)
class Line:
    """
    One thing and its price, without tax, in the catalogue's currency.

    Attributes:
        plan: the code of the plan that is billed.
        hourly: for one hour; for a thing that is billed by the month, what it would be by the hour.
        monthly: what is billed for a full month: 730 hours, or the monthly plan.
        monthly_plan: for a month by the plan for months; None where there is none.
        commitments: what the catalogue offers to who commits, for this one thing.
        vcpus: of an instance, where the catalogue tells.
    """

    wanted: Wanted
    plan: str
    hourly: Decimal
    monthly: Decimal
    monthly_plan: Decimal | None = None
    commitments: tuple[Commitment, ...] = ()
    vcpus: int | None = None

    @property
    def by_hours(self) -> Decimal:
        """A month of hours at the hourly price."""
        return self.hourly * HOURS_PER_MONTH


@dataclass(frozen=True)
class Estimate:
    """All the lines; *unpriced* is what the catalogue has no price for, and is in no sum."""

    currency: str
    lines: tuple[Line, ...]
    unpriced: tuple[Wanted, ...]

    @property
    def hourly(self) -> Decimal:
        """The sum for one hour."""
        return sum((line.hourly for line in self.lines), Decimal(0))

    @property
    def monthly(self) -> Decimal:
        """The sum for one month."""
        return sum((line.monthly for line in self.lines), Decimal(0))


def estimate(wanted: Iterable[Wanted], catalogue: PriceCatalogue) -> Estimate:
    """
    Price everything that is *wanted*.

    What has no price is never taken for free: it is in ``unpriced``. A thing that should be paid by the month and has no
    plan for it is paid by the hour.
    """
    lines, unpriced = [], []
    for item in wanted:
        line = _line(item, catalogue)
        if line is None:
            unpriced.append(item)
        else:
            lines.append(line)
    return Estimate(catalogue.currency, tuple(lines), tuple(unpriced))


def _line(item: Wanted, catalogue: PriceCatalogue) -> Line | None:
    codes = plan_codes(item)
    by_hour = catalogue.plans.get(codes.hourly)
    if by_hour is None or by_hour.hourly is None:
        return None
    quantity = item.size_gb if item.kind in _BY_THE_GB else 1
    hourly = by_hour.hourly * quantity
    by_month = catalogue.plans.get(codes.monthly) if codes.monthly else None
    monthly_plan = by_month.monthly if by_month else None
    is_monthly = item.billing == Billing.MONTHLY and monthly_plan is not None
    return Line(
        wanted=item,
        plan=codes.monthly if is_monthly and codes.monthly else codes.hourly,
        hourly=hourly,
        monthly=monthly_plan if is_monthly and monthly_plan is not None else hourly * HOURS_PER_MONTH,
        monthly_plan=monthly_plan,
        commitments=by_hour.commitments,
        vcpus=by_hour.vcpus,
    )
