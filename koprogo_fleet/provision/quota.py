"""The project's quota, held against all that a plan creates: a limit is met before anything is done, or not at all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.ovh.quotas import list_quotas
from koprogo_fleet.provision.lists import Listing, Lists

QUOTAS = Listing("quotas", lambda api, _fleet, _lists: list_quotas(api))


def refuse_over_quota(lists: Lists, new: Iterable[tuple[str, Mapping[str, int]]]) -> None:
    """
    Add up what is *new*, and compare it with what the project may have more of.

    Args:
        lists: where the quotas are.
        new: for each object its region, and what it takes there: see :meth:`~koprogo_fleet.ovh.quotas.Quota.shortfalls`.

    Raises:
        InputError: it is too much in a region; all that is too much is named.
    """
    sums: dict[str, Counter[str]] = {}
    for region, takes in new:
        sums.setdefault(region, Counter()).update(takes)
    lacking = [
        line for quota in lists.of(QUOTAS) for line in quota.shortfalls(**sums.get(quota.region, Counter[str]()))
    ]
    if lacking:
        raise InputError(
            "the project's quota does not suffice: " + "; ".join(lacking),
            cause="the project's quota, which other fleets and people use too",
            next_step="ask for more in the OVH manager (Quota and Regions), or change count, size or region",
        )
