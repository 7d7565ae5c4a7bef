"""What plans do to the bill, by a catalogue of round figures."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from ipaddress import IPv4Address

import pytest
from observed_fleet import ALL, CP, FLEET, KEY, NOTHING, Shown, with_workers

from koprogo_fleet.core.errors import OverBudget
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.floating_ips import FloatingIp
from koprogo_fleet.ovh.gateways import Gateway
from koprogo_fleet.ovh.load_balancers import LoadBalancer, LoadBalancerFlavor
from koprogo_fleet.ovh.prices import PriceCatalogue, PricedPlan, subsidiary_of
from koprogo_fleet.provision.balancing import Balancer
from koprogo_fleet.provision.bill import PlanCost, check_plan, plan_cost
from koprogo_fleet.provision.plan import destroy_plan, plan

HOUR = Decimal(1) / 730


def priced(**months: int) -> PriceCatalogue:
    """Return a catalogue in which a month of hours of these flavors costs so much."""
    codes = {f"{name.replace('_', '-')}.consumption": Decimal(price) for name, price in months.items()}
    plans = [PricedPlan(code, price * HOUR, None) for code, price in codes.items()]
    return PriceCatalogue("EUR", "FR", {plan.code: plan for plan in plans})


REST = (
    PricedPlan("b2-15.monthly.postpaid", None, Decimal(30)),
    PricedPlan("volume.high-speed.consumption", Decimal("0.1") * HOUR, None),
)
FLAVORS = priced(b2_7=25, b2_15=50, b2_30=100).plans
PRICES = PriceCatalogue("EUR", "FR", {**FLAVORS, **{plan.code: plan for plan in REST}})


def cost(there: Shown, fleet: Fleet = FLEET, prices: PriceCatalogue = PRICES) -> PlanCost:
    """Plan and price."""
    return plan_cost(plan(fleet, there.observed, KEY), prices)


def shown(found: PlanCost) -> tuple[int, int, list[tuple[str, int]]]:
    """Return the bill before and after, and what each step adds."""
    steps = [(step.what, round(step.after - step.before)) for step in found.steps]
    return round(found.before.monthly), round(found.after.monthly), steps


def with_servers(**changes: object) -> Fleet:
    """Return the fleet whose server has these changes."""
    cp, worker = FLEET.pools
    return FLEET.model_copy(update={"pools": (cp.model_copy(update=changes), worker)})


def test_from_nothing() -> None:
    """All instances and volumes are added; what is free is no line."""
    steps = [("volume koprogo-worker-1", 20), ("instance koprogo-cp-1", 50), ("instance koprogo-worker-1", 100)]

    assert (0, 170, steps) == shown(cost(NOTHING))


def test_nothing_to_do() -> None:
    """What is there is the bill, and an empty plan changes nothing of it."""
    assert (170, 170, []) == shown(cost(ALL))


@pytest.mark.parametrize(
    ("fleet", "after", "step"),
    [
        (with_workers(0), 50, ("instance koprogo-worker-1", -100)),
        (with_workers(1, flavor="b2-7"), 95, ("instance koprogo-worker-1", -75)),
        (with_servers(billing="monthly"), 150, ("instance koprogo-cp-1", -20)),
    ],
)
def test_less(fleet: Fleet, after: int, step: tuple[str, int]) -> None:
    """A smaller pool, a smaller flavor and a monthly price take their part off the bill."""
    found = cost(ALL, fleet)

    assert (170, after) == shown(found)[:2]
    assert step in shown(found)[2]


def test_what_stands_around_the_nodes() -> None:
    """A gateway, a load balancer and its address are paid, too: when they come, while they are there, and when they go."""
    fleet = Fleet.model_validate(
        FLEET.model_dump(mode="json") | {"network": {"gateway": "s"}, "load_balancer": {"kind": "octavia"}}
    )
    around = (
        PricedPlan("gateway.s.hour.consumption", 2 * HOUR, None),
        PricedPlan("octavia-loadbalancer.loadbalancer-s.hour.consumption", 8 * HOUR, None),
        PricedPlan("floatingip.floatingip.hour.consumption", HOUR, None),
    )
    prices = PriceCatalogue("EUR", "FR", {**PRICES.plans, **{item.code: item for item in around}})
    sizes = (LoadBalancerFlavor("id of small", "small", "GRA11"),)
    vip = IPv4Address("10.0.0.225")
    balancer = LoadBalancer("lb", "koprogo-lb", "GRA11", "id of small", "active", "online", vip, "os", "s1", None, None)
    there = replace(
        ALL,
        gateways=(Gateway("gw", "koprogo-gateway", "GRA11", "s", "active", ("s1",), ()),),
        balancers=(Balancer(balancer),),
        balancer_sizes=sizes,
        floating_ips=(FloatingIp("ip", IPv4Address("198.18.0.9"), "GRA11", "active", "lb", "loadbalancer", vip, "gw"),),
    )
    new = [("gateway koprogo-gateway", 2), ("load balancer koprogo-lb", 8), ("floating IP koprogo-lb", 1)]

    before, after, steps = shown(cost(replace(NOTHING, balancer_sizes=sizes), fleet, prices))
    assert (0, 181) == (before, after)
    assert set(new) <= set(steps)
    assert (181, 0) == shown(plan_cost(destroy_plan(there.observed, fleet), prices))[:2]


def test_destroy() -> None:
    """After the end nothing is paid."""
    assert (170, 0) == shown(plan_cost(destroy_plan(ALL.observed, FLEET), PRICES))[:2]


def test_a_refused_step_changes_nothing() -> None:
    """A node that is by the month stays on the bill as it is when hourly is refused."""
    there = replace(ALL, instances=(replace(CP, monthly=True), ALL.instances[1]))

    assert (150, 150, []) == shown(cost(there))


def test_a_flavor_that_is_sold_no_more() -> None:
    """What exists is priced by the plan that the API tells when its flavor is not in the list."""
    old = replace(CP, flavor_id="gone", plan="b2-7.consumption")

    assert 145 == shown(cost(replace(ALL, instances=(old, ALL.instances[1]))))[0]


def test_the_budget() -> None:
    """A plan at the budget passes; one above it is refused, with its figures and the dearest lines."""
    check_plan(cost(NOTHING), Decimal("170.01"))

    with pytest.raises(
        OverBudget, match=r"costs 170\.00 EUR a month \(\+170\.00\), 20\.00 more than the budget"
    ) as error:
        check_plan(cost(NOTHING), Decimal(150))

    assert "instance koprogo-worker-1 (b2-30) 100.00, instance koprogo-cp-1 (b2-15) 50.00" in (error.value.cause or "")


def test_a_plan_that_saves_is_not_refused() -> None:
    """Who is above the budget may come nearer to it."""
    check_plan(cost(ALL, with_workers(0)), Decimal(10))

    with pytest.raises(OverBudget):
        check_plan(cost(ALL), Decimal(10))


def test_nobody_knows_without_a_price() -> None:
    """What has no price is named and in no sum; with a budget it is refused."""
    found = cost(NOTHING, prices=priced(b2_15=50))

    assert 50 == round(found.after.monthly)
    assert {"instance koprogo-worker-1", "volume koprogo-worker-1"} == set(found.told(None).unpriced)
    with pytest.raises(OverBudget, match="no price for volume koprogo-worker-1"):
        check_plan(found, Decimal(1000))


@pytest.mark.parametrize(
    ("endpoint", "subsidiary"),
    [("ovh-eu", "FR"), ("ovh-ca", "CA"), ("ovh-us", "US"), ("http://127.0.0.1:1/1.0", "FR")],
)
def test_whose_prices(endpoint: str, subsidiary: str) -> None:
    """Each endpoint is asked for prices that it knows."""
    assert subsidiary == subsidiary_of(endpoint)
