"""OVH's public price catalogue of Public Cloud, as plain values. Nobody has to be logged in to read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from koprogo_fleet.ovh.client import OvhApi

UNITS_PER_EURO = Decimal(100_000_000)
"""The catalogue counts in 10^-8 of its currency (its schema says "micro-cents"); usage answers do not."""

_HOURLY = ("hour", "none")  # a plan by consumption may leave its unit out: then it is the hour
_MONTHLY = "month"


@dataclass(frozen=True)
class Commitment:
    """A lower price for who commits to some *months*; the amounts are as in :class:`PricedPlan`."""

    months: int
    hourly: Decimal | None
    monthly: Decimal | None


@dataclass(frozen=True)
class PricedPlan:
    """
    What one plan code costs, without tax.

    Attributes:
        hourly: for one hour (of one GB, where it is storage); None where it is not sold so.
        monthly: for one month; None where it is not sold so.
        commitments: what the catalogue offers for a longer time; most plans have none.
        vcpus: of an instance's plan, where the catalogue tells.
    """

    code: str
    hourly: Decimal | None
    monthly: Decimal | None
    commitments: tuple[Commitment, ...] = ()
    vcpus: int | None = None


@dataclass(frozen=True)
class PriceCatalogue:
    """All plans of a subsidiary, by their codes; *currency* is "EUR" for the European ones."""

    currency: str
    subsidiary: str
    plans: Mapping[str, PricedPlan]


def subsidiary_of(endpoint: str) -> str:
    """
    Return a subsidiary whose prices *endpoint* (a name such as "ovh-ca", or a URL) knows.

    It is the endpoint's first one: which subsidiary the account belongs to is not asked for (``GET /me`` would need a
    right of its own), and prices without tax are the same in all that have the same currency.
    """
    if "ovh-ca" in endpoint or "ca.api" in endpoint:
        return "CA"
    return "US" if "ovh-us" in endpoint or "us.ovhcloud" in endpoint else "FR"


def get_prices(api: OvhApi, subsidiary: str = "FR") -> PriceCatalogue:
    """
    Return the catalogue of a subsidiary: "FR", "DE", ... on ovh-eu; each endpoint knows only its own.

    Raises:
        OvhError: the endpoint does not know the subsidiary.
    """
    return parse_catalogue(api.get_public("/order/catalog/public/cloud", ovhSubsidiary=subsidiary))


def parse_catalogue(answer: Mapping[str, Any]) -> PriceCatalogue:
    """Return the values of a catalogue answer; what has no price that we understand is left out."""
    plans = (_plan(item) for item in answer["addons"])
    return PriceCatalogue(
        currency=answer["locale"]["currencyCode"],
        subsidiary=answer["locale"]["subsidiary"],
        plans={plan.code: plan for plan in plans if plan.hourly is not None or plan.monthly is not None},
    )


def _plan(item: Mapping[str, Any]) -> PricedPlan:
    pricings = [
        pricing
        for pricing in item["pricings"]
        if {"consumption", "renew"} & set(pricing.get("capacities") or ("consumption",))
    ]
    by_term: dict[int, list[Mapping[str, Any]]] = {0: []}
    for pricing in pricings:
        by_term.setdefault(int(pricing.get("commitment") or 0), []).append(pricing)
    without_term = by_term.pop(0)
    return PricedPlan(
        code=item["planCode"],
        hourly=_lowest(without_term, _HOURLY),
        monthly=_lowest(without_term, (_MONTHLY,)),
        commitments=tuple(
            Commitment(months, _lowest(of_term, _HOURLY), _lowest(of_term, (_MONTHLY,)))
            for months, of_term in sorted(by_term.items())
        ),
        vcpus=((item.get("blobs") or {}).get("technical") or {}).get("cpu", {}).get("cores"),
    )


def _lowest(pricings: list[Mapping[str, Any]], units: tuple[str, ...]) -> Decimal | None:
    """Return the lowest price for one of the *units*; one that is paid for several at once is divided."""
    amounts = [
        Decimal(int(pricing["price"])) / max(1, int(pricing.get("interval") or 1))
        for pricing in pricings
        if pricing.get("intervalUnit", "none") in units
    ]
    return min(amounts) / UNITS_PER_EURO if amounts else None
