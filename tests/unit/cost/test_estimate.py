"""Lines, sums, hints and the budget, by a catalogue of round figures."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koprogo_fleet.core.errors import NotConverged
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.cost import Billing, Estimate, Kind, Wanted, check_budget, estimate, hints, plan_codes
from koprogo_fleet.ovh.prices import Commitment, PriceCatalogue, PricedPlan, parse_catalogue
from koprogo_fleet.provision.bill import wanted_of

REGION = "GRA11"


def catalogue(*plans: PricedPlan) -> PriceCatalogue:
    """Return a catalogue of these plans."""
    return PriceCatalogue("EUR", "FR", {plan.code: plan for plan in plans})


def hourly(code: str, price: str, **more: object) -> PricedPlan:
    """Return a plan that is paid by the hour."""
    return PricedPlan(code, Decimal(price), None, **more)  # type: ignore[arg-type]


CATALOGUE = catalogue(
    hourly("b2-7.consumption", "0.10", vcpus=2),
    PricedPlan("b2-7.monthly.postpaid", None, Decimal(40)),
    hourly("b3-8.consumption", "0.05"),
    hourly(
        "c9-1.consumption",
        "0.10",
        commitments=(Commitment(12, None, Decimal(50)), Commitment(1, Decimal("0.09"), None)),
    ),
    hourly("volume.classic.consumption", "0.0001"),
    hourly("storage-standard.consumption", "0.00001"),
    hourly("octavia-loadbalancer.loadbalancer-s.hour.consumption", "0.01"),
    hourly("gateway.m.hour.consumption", "0.02"),
    hourly("floatingip.floatingip.hour.consumption", "0.003"),
    hourly("publicip.ip.hour.consumption", "0"),
)


def instance(flavor: str = "b2-7", **changes: object) -> Wanted:
    """Return an instance."""
    return Wanted(Kind.INSTANCE, "node", REGION, flavor, **changes)  # type: ignore[arg-type]


def test_hour_and_month() -> None:
    """A month is 730 hours; the monthly plan is shown beside, and billed only when it is wanted."""
    (line,) = estimate([instance()], CATALOGUE).lines
    (monthly,) = estimate([instance(billing=Billing.MONTHLY)], CATALOGUE).lines

    assert (Decimal("0.10"), Decimal(73), Decimal(40)) == (line.hourly, line.monthly, line.monthly_plan)
    assert ("b2-7.consumption", "b2-7.monthly.postpaid") == (line.plan, monthly.plan)
    assert (Decimal(40), Decimal(73)) == (monthly.monthly, monthly.by_hours)


def test_monthly_without_a_plan_is_hourly() -> None:
    """A flavor that is not sold by the month is billed by the hour, whatever was wanted."""
    (line,) = estimate([instance("b3-8", billing=Billing.MONTHLY)], CATALOGUE).lines

    assert ("b3-8.consumption", Decimal("36.5")) == (line.plan, line.monthly)


@pytest.mark.parametrize(
    ("wanted", "monthly"),
    [
        (Wanted(Kind.VOLUME, "v", REGION, "classic", size_gb=200), "14.6"),
        (Wanted(Kind.CONTAINER, "s3", REGION, size_gb=100), "0.73"),
        (Wanted(Kind.LOAD_BALANCER, "lb", REGION, "small"), "7.3"),
        (Wanted(Kind.GATEWAY, "gw", REGION, "m"), "14.6"),
        (Wanted(Kind.FLOATING_IP, "ip", REGION), "2.19"),
        (Wanted(Kind.PUBLIC_IP, "ip", REGION), "0"),
    ],
)
def test_each_kind_has_its_plan(wanted: Wanted, monthly: str) -> None:
    """Storage is paid by the GB, everything else by the piece."""
    assert Decimal(monthly) == estimate([wanted], CATALOGUE).monthly


def test_what_has_no_price_is_told() -> None:
    """Something unknown is never free: it is named, and no budget is said to suffice."""
    found = estimate([instance(), instance("z1-1")], CATALOGUE)

    assert ["z1-1"] == [item.type for item in found.unpriced]
    assert Decimal(73) == found.monthly
    with pytest.raises(NotConverged, match=r"cannot be told: no price for instance node \(z1-1\)"):
        check_budget(found, Decimal(1000))


def test_the_api_s_own_plan_codes_win() -> None:
    """Codes that the API told are used as they are; else a region of three zones has codes of its own."""
    assert ("x.consumption", "y") == plan_codes(instance(hourly_plan="x.consumption", monthly_plan="y"))
    three_zones = Wanted(Kind.VOLUME, "v", "EU-WEST-PAR", "classic", size_gb=1)
    assert ("volume.classic.consumption.3AZ", None) == plan_codes(three_zones)


@pytest.mark.parametrize(("budget", "fits"), [("73", True), ("73.00", True), ("72.99", False)])
def test_budget(budget: str, *, fits: bool) -> None:
    """Exactly the budget fits; more than it ends with the difference and the dearest line."""
    found = estimate([instance()], CATALOGUE)

    if fits:
        check_budget(found, Decimal(budget))
    else:
        with pytest.raises(NotConverged, match=r"73\.00 EUR a month, 0\.01 more than the budget of 72\.99") as caught:
            check_budget(found, Decimal(budget))
        assert 1 == caught.value.exit_code
        assert "instance node" in (caught.value.cause or "")


def test_hints_have_figures() -> None:
    """The best saving first: months instead of hours, then what a commitment gives; nothing for who pays monthly already."""
    found = hints(estimate([instance(), instance(), instance("c9-1")], CATALOGUE))

    assert [Decimal(66), Decimal(23), Decimal("7.3")] == [hint.saving for hint in found]
    assert "2 x b2-7 by the month: 80.00 EUR instead of 146.00 by the hour, 66.00 less a month" in found[0].text
    assert "more than 400 of 730 hours" in found[0].text
    assert "commitment of 12 months: 50.00" in found[1].text
    assert () == hints(estimate([instance(billing=Billing.MONTHLY)], CATALOGUE))


def test_savings_plans_without_a_price() -> None:
    """For the flavors that OVH sells by Savings Plans only, that is said, without a figure."""
    (hint,) = hints(estimate([instance("b3-8")], CATALOGUE))

    assert hint.saving is None
    assert "Savings Plans" in hint.text


def test_fleet_is_instances_and_volumes() -> None:
    """A fleet.yaml costs one line for each node, and one for each volume."""
    fleet = Fleet.model_validate(
        {
            "name": "k",
            "pools": [
                {"name": "cp", "role": "server", "count": 1, "flavor": "b2-15", "first_address": "10.0.0.11"},
                {
                    "name": "w",
                    "role": "agent",
                    "count": 2,
                    "flavor": "b2-30",
                    "first_address": "10.0.0.21",
                    "volume": {"size_gb": 200},
                },
            ],
            "k3s": {"version": "v1.33.4+k3s1"},
        }
    )

    assert [
        ("instance", "k-cp-1", "b2-15", 0),
        ("instance", "k-w-1", "b2-30", 0),
        ("instance", "k-w-2", "b2-30", 0),
        ("volume", "k-w-1", "high-speed", 200),
        ("volume", "k-w-2", "high-speed", 200),
    ] == [(item.kind, item.name, item.type, item.size_gb) for item in wanted_of(fleet)]


@given(st.lists(st.sampled_from(["b2-7", "b3-8", "c9-1", "none"]), max_size=30))
def test_the_sum_is_the_sum_of_the_lines(flavors: list[str]) -> None:
    """Nothing is lost or counted twice: every wanted thing is a line or unpriced, and sums are exact."""
    found: Estimate = estimate([instance(flavor) for flavor in flavors], CATALOGUE)

    assert len(flavors) == len(found.lines) + len(found.unpriced)
    prices = {"b2-7": "73", "b3-8": "36.5", "c9-1": "73", "none": "0"}
    assert sum((Decimal(prices[flavor]) for flavor in flavors), Decimal(0)) == found.monthly


def test_catalogue_units() -> None:
    """Prices are 10^-8 of a euro; months, free capacities and commitments are kept apart; installation is no price."""

    def pricing(price: int, unit: str, capacity: str = "consumption", **more: int) -> dict[str, object]:
        return {"price": price, "intervalUnit": unit, "interval": 1, "capacities": [capacity], **more}

    answer = {
        "locale": {"currencyCode": "EUR", "subsidiary": "FR"},
        "addons": [
            {"planCode": "a", "pricings": [pricing(7_090_000, "hour"), pricing(1, "hour", "installation")]},
            {"planCode": "b", "pricings": [pricing(2_420_000_000, "month", "renew")]},
            {"planCode": "c", "pricings": [pricing(100_000_000, "none"), pricing(50_000_000, "hour", commitment=12)]},
            {"planCode": "d", "pricings": [pricing(1_200_000_000, "month", "renew", interval=12, commitment=12)]},
            {"planCode": "e", "pricings": [pricing(1, "none", "installation")]},
        ],
    }

    plans = parse_catalogue(answer).plans

    assert {"a", "b", "c"} == plans.keys()
    assert (Decimal("0.0709"), None) == (plans["a"].hourly, plans["a"].monthly)
    assert (None, Decimal("24.2")) == (plans["b"].hourly, plans["b"].monthly)
    assert (Decimal(1), (Commitment(12, Decimal("0.5"), None),)) == (plans["c"].hourly, plans["c"].commitments)
