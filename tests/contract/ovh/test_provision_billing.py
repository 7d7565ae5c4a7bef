"""Nodes by the month and by the hour at the emulator."""

from __future__ import annotations

import pytest
from emulated_cloud import Cloud
from emulated_fleet import FLEET, posts, provision, the_plan

from koprogo_fleet.core.errors import NotConverged
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh import instances


def fleet_of(billing: str, flavor: str = "b2-7") -> Fleet:
    """Return a fleet of one server."""
    cp = FLEET.pools[0].model_dump(mode="json") | {
        "count": 1,
        "anti_affinity": False,
        "billing": billing,
        "flavor": flavor,
    }
    return Fleet.model_validate(FLEET.model_dump(mode="json") | {"pools": [cp]})


HOURLY, MONTHLY = fleet_of("hourly"), fleet_of("monthly")


def billed(cloud: Cloud) -> list[bool]:
    """Return of each instance whether it is billed by the month."""
    return [item.monthly for item in instances.list_instances(cloud.api())]


def test_created_by_the_month(cloud: Cloud) -> None:
    """A new node of such a pool is billed by the month from its creation on."""
    provision(cloud, MONTHLY)

    assert [True] == billed(cloud)
    assert 0 == posts(cloud, "/activeMonthlyBilling")
    assert () == the_plan(cloud, MONTHLY).steps


@pytest.mark.parametrize("fault", [None, "500-html", "500-html-after-success", "timeout-after-success"])
def test_changed_in_place(cloud: Cloud, fault: str | None) -> None:
    """An hourly node becomes a monthly one in place, also when the answer is lost; a second run changes nothing."""
    provision(cloud, HOURLY)
    (before,) = instances.list_instances(cloud.api())
    (change,) = the_plan(cloud, MONTHLY).differences
    assert "change instance koprogo-cp-1: billed by the hour -> billed by the month" == str(change)
    if fault:
        cloud.fault(fault, "POST", "*/activeMonthlyBilling")

    provision(cloud, MONTHLY)

    assert [True] == billed(cloud)
    assert [before.id] == [item.id for item in instances.list_instances(cloud.api())]
    assert () == the_plan(cloud, MONTHLY).steps


def test_switched_on_and_changed(cloud: Cloud) -> None:
    """A node that is off and hourly is both started and billed by the month."""
    provision(cloud, HOURLY)
    (node,) = instances.list_instances(cloud.api())
    cloud.machines.stop(node.id)

    provision(cloud, MONTHLY)

    assert [("ACTIVE", True)] == [(item.status, item.monthly) for item in instances.list_instances(cloud.api())]


def test_there_is_no_way_back(cloud: Cloud) -> None:
    """Hourly again is refused with the reason, and nothing is done; a node that is replaced anyway becomes hourly."""
    provision(cloud, MONTHLY)

    with pytest.raises(NotConverged, match="billed by the month -> billed by the hour") as caught:
        provision(cloud, HOURLY)
    assert "OVH takes no monthly price back" in (caught.value.next_step or "")

    provision(cloud, fleet_of("hourly", "b2-15"), confirmed=frozenset({"koprogo-cp-1"}))
    assert [False] == billed(cloud)
