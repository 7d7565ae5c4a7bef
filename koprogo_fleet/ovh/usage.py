"""What a project has used since the month began, as OVH will bill it. Amounts are in the currency, not in 10^-8 of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from koprogo_fleet.ovh.client import OvhApi


@dataclass(frozen=True)
class Usage:
    """
    The current month so far, without tax.

    Attributes:
        since: when the period began, as the API writes times.
        updated: until when this counts.
        hourly: sums of what is paid by the hour, by its kind ("instance", "volume", ...).
        monthly: sums of what is paid by the month.
    """

    since: str
    updated: str
    hourly: dict[str, Decimal]
    monthly: dict[str, Decimal]

    @property
    def total(self) -> Decimal:
        """Everything."""
        return sum((*self.hourly.values(), *self.monthly.values()), Decimal(0))


def get_current_usage(api: OvhApi) -> Usage:
    """Return the current month's usage; ``updated`` says how far it is counted."""
    answer = api.get(api.in_project("/usage/current"))
    return Usage(
        since=answer["period"]["from"],
        updated=answer["lastUpdate"],
        hourly=_sums(answer.get("hourlyUsage") or {}),
        monthly=_sums(answer.get("monthlyUsage") or {}),
    )


def _sums(usage: dict[str, Any]) -> dict[str, Decimal]:
    """Add up each kind; an amount is a number, or a Price object with a ``value``."""
    return {
        kind: sum((_amount(entry["totalPrice"]) for entry in entries), Decimal(0))
        for kind, entries in usage.items()
        if isinstance(entries, list)
    }


def _amount(price: Any) -> Decimal:
    return Decimal(str(price["value"] if isinstance(price, dict) else price))
