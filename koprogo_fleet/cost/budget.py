"""Whether the fleet fits a budget."""

from __future__ import annotations

from decimal import Decimal

from koprogo_fleet.core.errors import NotConverged
from koprogo_fleet.cost.estimate import Estimate


def check_budget(found: Estimate, budget: Decimal) -> None:
    """
    Do nothing if the fleet costs at most *budget* a month.

    Raises:
        NotConverged: it costs more, or there is something without a price, so that nobody can tell.
    """
    if found.unpriced:
        raise NotConverged(
            f"whether the fleet fits {budget:.2f} {found.currency} cannot be told: no price for "
            + ", ".join(f"{item.kind} {item.name} ({item.type or item.region})" for item in found.unpriced),
            cause="the catalogue has no plan of that name",
            next_step="look at the flavor or type in fleet.yaml",
        )
    if found.monthly > budget:
        dearest = max(found.lines, key=lambda line: line.monthly)
        raise NotConverged(
            f"the fleet costs {found.monthly:.2f} {found.currency} a month, {found.monthly - budget:.2f} more than the "
            f"budget of {budget:.2f}",
            cause=f"the dearest line is {dearest.wanted.kind} {dearest.wanted.name}: {dearest.monthly:.2f} a month",
            next_step="choose smaller flavors, fewer nodes or monthly billing in fleet.yaml, or raise --budget",
        )
