"""The monthly costs that KoproGo's infrastructure document estimated in January 2024, beside what the catalogue says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from koprogo_fleet.cost.estimate import HOURS_PER_MONTH, Estimate, Line, estimate
from koprogo_fleet.cost.items import Kind, Wanted
from koprogo_fleet.ovh.prices import PriceCatalogue

_CENT = Decimal("0.01")


@dataclass(frozen=True)
class SeedRow:
    """
    One row of the document's table, in euro a month.

    Attributes:
        component: its own words.
        quantity: how many there are.
        each: the price of one.
        kinds: what of a fleet belongs to the row.
        type: the flavor, where the row names one.
        like: what the row means, for a fleet that has nothing of it yet.
    """

    component: str
    quantity: int
    each: Decimal
    kinds: tuple[Kind, ...]
    type: str | None
    like: Wanted

    @property
    def total(self) -> Decimal:
        """The row's sum."""
        return self.quantity * self.each


SEED: tuple[SeedRow, ...] = (
    SeedRow(
        "Control Plane b2-15",
        3,
        Decimal(30),
        (Kind.INSTANCE,),
        "b2-15",
        Wanted(Kind.INSTANCE, "a control plane", "GRA11", "b2-15"),
    ),
    SeedRow(
        "Worker b2-30", 3, Decimal(60), (Kind.INSTANCE,), "b2-30", Wanted(Kind.INSTANCE, "a worker", "GRA11", "b2-30")
    ),
    SeedRow(
        "Load Balancer",
        1,
        Decimal(20),
        (Kind.LOAD_BALANCER, Kind.GATEWAY, Kind.FLOATING_IP),
        None,
        Wanted(Kind.LOAD_BALANCER, "a small load balancer", "GRA11", "small"),
    ),
    SeedRow(
        "Storage (600GB)",
        1,
        Decimal(30),
        (Kind.VOLUME,),
        None,
        Wanted(Kind.VOLUME, "600 GB of classic volumes", "GRA11", "classic", size_gb=600),
    ),
    SeedRow(
        "Backup S3",
        1,
        Decimal(10),
        (Kind.CONTAINER,),
        None,
        Wanted(Kind.CONTAINER, "100 GB in a container", "GRA11", size_gb=100),
    ),
)
"""The table "Production (mensuel)": 330 euro in all."""


@dataclass(frozen=True)
class Compared:
    """A row beside the fleet: *ours* a month, and why it differs. What no row means has *row* None."""

    row: SeedRow | None
    ours: Decimal
    why: str

    @property
    def difference(self) -> Decimal:
        """How much more we found than the document."""
        return self.ours - (self.row.total if self.row else 0)


def compare(found: Estimate, catalogue: PriceCatalogue) -> tuple[Compared, ...]:
    """Set every row of the document beside the fleet's lines, and explain each difference."""
    left = list(found.lines)
    compared = []
    for row in SEED:
        lines = [line for line in left if line.wanted.kind in row.kinds and row.type in (None, line.wanted.type)]
        left = [line for line in left if line not in lines]
        ours = sum((line.monthly for line in lines), Decimal(0))
        compared.append(Compared(row, ours, _why(row, lines, catalogue)))
    if left:
        names = ", ".join(sorted({f"{line.wanted.kind} {line.wanted.type}".strip() for line in left}))
        rest = sum((line.monthly for line in left), Decimal(0))
        compared.append(Compared(None, rest, f"not in the document's table: {names}"))
    return tuple(compared)


def _why(row: SeedRow, lines: Sequence[Line], catalogue: PriceCatalogue) -> str:
    if not lines:
        price = estimate([row.like], catalogue).lines
        worth = f"; {row.like.name} costs {price[0].monthly:.2f} a month" if price else ""
        return f"the fleet has none{worth}"
    if Kind.VOLUME in row.kinds:
        return _why_volumes(row, lines, catalogue)
    reasons = []
    if len(lines) != row.quantity and row.type is not None:
        reasons.append(f"{len(lines)} instead of {row.quantity}")
    reasons.append(_why_one(row, lines) if row.type is not None else _parts(lines))
    return "; ".join(reasons)


def _why_one(row: SeedRow, lines: Sequence[Line]) -> str:
    line = lines[0]
    hourly = f"{line.hourly.normalize():f} an hour is {line.by_hours:.2f} for {HOURS_PER_MONTH} hours"
    if line.monthly.quantize(_CENT) == row.each:
        return "the same price"
    if line.monthly_plan is None:
        return f"the document has {row.each} each; {hourly}"
    below = " - the document is below both" if row.each < min(line.monthly_plan, line.by_hours) else ""
    return f"the document has {row.each} each; {hourly}, {line.monthly_plan:.2f} by the month{below}"


def _why_volumes(row: SeedRow, lines: Sequence[Line], catalogue: PriceCatalogue) -> str:
    size = sum(line.wanted.size_gb for line in lines)
    types = sorted({line.wanted.type for line in lines})
    per_gb = sum((line.monthly for line in lines), Decimal(0)) / size
    text = f"{size} GB {' and '.join(types)} at {per_gb:.3f} a GB; the document has {row.total / row.like.size_gb:.3f} a GB"
    if types != ["classic"] and (classic := estimate([row.like], catalogue).lines):
        text += f", near classic volumes ({classic[0].monthly / row.like.size_gb:.3f})"
    return text


def _parts(lines: Sequence[Line]) -> str:
    return " + ".join(f"{line.wanted.kind} {line.monthly:.2f}" for line in lines)
