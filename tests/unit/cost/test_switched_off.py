"""What an hour off saves."""

from __future__ import annotations

from decimal import Decimal

from koprogo_fleet.cost.estimate import Estimate, Line
from koprogo_fleet.cost.items import Billing, Kind, Wanted
from koprogo_fleet.cost.switched_off import switched_off

HOURLY = Wanted(Kind.INSTANCE, "koprogo-worker-1", "GRA11", "b2-7")
MONTHLY = Wanted(Kind.INSTANCE, "koprogo-cp-1", "GRA11", "b2-7", billing=Billing.MONTHLY)
DISK = Wanted(Kind.VOLUME, "koprogo-worker-1", "GRA11", "classic", size_gb=100)


def line(item: Wanted, hourly: str) -> Line:
    """Return a priced line."""
    return Line(item, "plan", Decimal(hourly), Decimal(hourly) * 730)


FOUND = Estimate("EUR", (line(HOURLY, "0.07"), line(MONTHLY, "0.05"), line(DISK, "0.006")), (HOURLY,))


def test_only_instances_by_the_hour_save() -> None:
    """Volumes are billed on, an instance by the month is, and what has no price is in no sum."""
    found = switched_off(FOUND, shelved=True)

    assert (1, Decimal("0.07"), Decimal("0.006")) == (found.instances, found.saving, found.rest)
    assert [
        "while they are shelved, 1 instances cost 0.0700 EUR less an hour, but for their snapshots, which OVH bills by size",
        "billed by the month, on or off: koprogo-cp-1",
        "billed on as before: 0.0060 EUR an hour for volumes, addresses, load balancers",
        "no price: instance koprogo-worker-1",
    ] == list(found.sentences())


def test_stopping_saves_nothing() -> None:
    """It is said, with what shelving would."""
    first = next(iter(switched_off(FOUND, shelved=False).sentences()))

    assert first.startswith("this saves nothing")
    assert "would cost 0.0700 EUR less" in first
