"""What a fleet costs a month, computed from OVH's catalogue. Pure: values in, values out; money is Decimal."""

from __future__ import annotations

from koprogo_fleet.cost.budget import check_budget
from koprogo_fleet.cost.carbon import Carbon, carbon_of
from koprogo_fleet.cost.estimate import HOURS_PER_MONTH, Estimate, Line, estimate
from koprogo_fleet.cost.hints import Hint, hints
from koprogo_fleet.cost.items import Billing, Kind, Wanted
from koprogo_fleet.cost.plans import plan_codes
from koprogo_fleet.cost.seed import SEED, Compared, SeedRow, compare

__all__ = [
    "HOURS_PER_MONTH",
    "SEED",
    "Billing",
    "Carbon",
    "Compared",
    "Estimate",
    "Hint",
    "Kind",
    "Line",
    "SeedRow",
    "Wanted",
    "carbon_of",
    "check_budget",
    "compare",
    "estimate",
    "hints",
    "plan_codes",
]
