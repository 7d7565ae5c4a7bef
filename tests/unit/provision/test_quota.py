"""All that a plan creates, held against the quota of its region."""

from __future__ import annotations

import pytest

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.ovh.quotas import Allowance, Quota
from koprogo_fleet.provision.lists import Observed
from koprogo_fleet.provision.quota import QUOTAS, refuse_over_quota


def quota(region: str, **limits: int) -> Quota:
    """Return a quota of which nothing is used, without limits but these."""
    names = (*Quota.__dataclass_fields__,)[1:]
    return Quota(region, **{name: Allowance(limits.get(name), 0) for name in names})


def test_flavors_are_added_up() -> None:
    """Two flavors that would each fit do not fit together; the region that has room is not blamed."""
    lists = Observed({QUOTAS: (quota("GRA11", instances=4, cores=100), quota("SBG5", instances=1))})
    new = [("GRA11", {"instances": 1, "cores": 4})] * 3 + [("GRA11", {"instances": 1, "cores": 8})] * 2

    with pytest.raises(InputError, match="5 more instances in GRA11: 0 of 4 are used, so 4 can be had") as caught:
        refuse_over_quota(lists, [*new, ("SBG5", {"instances": 1, "cores": 4})])

    assert "SBG5" not in caught.value.seen
    assert "cores" not in caught.value.seen


def test_no_limit_is_known() -> None:
    """Where OVH names no limit, or no quota of the region at all, nothing is refused."""
    refuse_over_quota(Observed({QUOTAS: (quota("GRA11"),)}), [("GRA11", {"instances": 99}), ("XYZ", {"instances": 9})])
