"""What a plan does to the monthly bill: each kind says what OVH bills for one of its objects, the catalogue the price. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from koprogo_fleet.core.errors import OverBudget
from koprogo_fleet.core.events import Cost, CostChange
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.cost import Estimate, carbon_of, estimate, items
from koprogo_fleet.ovh.prices import PriceCatalogue
from koprogo_fleet.provision.kinds import KINDS
from koprogo_fleet.provision.owned import owned
from koprogo_fleet.provision.plan import Plan
from koprogo_fleet.provision.step import Action, Step

_DEAREST = 3


@dataclass(frozen=True)
class PlanCost:
    """
    The monthly bill of everything that bears the fleet's names, without tax, before and after a plan.

    Attributes:
        steps: those that change it.
    """

    before: Estimate
    after: Estimate
    steps: tuple[CostChange, ...]

    @property
    def change(self) -> Decimal:
        """What the plan adds to the bill."""
        return self.after.monthly - self.before.monthly

    def told(self, budget: Decimal | None) -> Cost:
        """Return the same, for showing."""
        carbon = carbon_of(self.after)
        return Cost(
            currency=self.after.currency,
            change=self.change,
            total=self.after.monthly,
            budget=budget,
            changes=self.steps,
            unpriced=tuple(f"{item.kind} {item.name}" for item in self.after.unpriced),
            carbon_kilograms=carbon.kilograms,
            carbon_basis=carbon.basis,
        )


def wanted_of(fleet: Fleet) -> tuple[items.Wanted, ...]:
    """Return every object of the fleet that OVH bills, instances first."""
    found = (kind.billed(wanted) for kind in KINDS for wanted in kind.wanted(fleet))
    order = list(items.Kind)
    return tuple(sorted((item for item in found if item is not None), key=lambda item: order.index(item.kind)))


def plan_cost(plan: Plan, prices: PriceCatalogue) -> PlanCost:
    """Price what is there, and what will be; a refused step changes nothing."""
    now: dict[tuple[str, str], items.Wanted] = {
        (str(item.ref), item.existing.id): billed
        for item in owned(plan.observed, plan.fleet)
        if (billed := item.kind.billed_now(item.existing, plan.observed)) is not None
    }
    later: dict[tuple[str, str], items.Wanted] = dict(now)
    steps = []
    for step in plan.steps:
        key = str(step.ref), step.existing.id if step.existing else ""
        before = later.get(key)
        if step.action is Action.REFUSE:
            continue
        later.pop(key, None)
        if after := _after(step):
            later[key] = after
        cost = CostChange(str(step.ref), _monthly(before, prices), _monthly(after, prices))
        if cost.before != cost.after:
            steps.append(cost)
    return PlanCost(estimate(now.values(), prices), estimate(later.values(), prices), tuple(steps))


def check_plan(cost: PlanCost, budget: Decimal) -> None:
    """
    Do nothing if the fleet costs at most *budget* a month after the plan, or less than before it.

    Raises:
        OverBudget: it costs more, or has something without a price, so that nobody can tell.
    """
    after, currency = cost.after, cost.after.currency
    if after.unpriced:
        names = ", ".join(f"{item.kind} {item.name} ({item.type or item.region})" for item in after.unpriced)
        raise OverBudget(
            f"nothing was done: whether the plan fits the budget of {budget:.2f} {currency} a month cannot be told, "
            f"because there is no price for {names}",
            cause="the catalogue has no plan of that name",
            next_step="look at the flavor or type in fleet.yaml; or plan without a budget",
        )
    if after.monthly <= budget or cost.change < 0:
        return
    lines = sorted(after.lines, key=lambda line: line.monthly, reverse=True)[:_DEAREST]
    raise OverBudget(
        f"nothing was done: after this plan the fleet costs {after.monthly:.2f} {currency} a month ({cost.change:+.2f}), "
        f"{after.monthly - budget:.2f} more than the budget of {budget:.2f}",
        cause="the dearest are "
        + ", ".join(f"{line.wanted.kind} {line.wanted.name} ({line.wanted.type}) {line.monthly:.2f}" for line in lines),
        next_step="choose smaller flavors, fewer nodes or billing: monthly in fleet.yaml, or raise the budget "
        "(budget in fleet.yaml, --budget)",
    )


def _after(step: Step) -> items.Wanted | None:
    return None if step.wanted is None else step.kind.billed(step.wanted)


def _monthly(item: items.Wanted | None, prices: PriceCatalogue) -> Decimal:
    return estimate([item], prices).monthly if item is not None else Decimal(0)
