"""A fleet's objects at OVH, and what it takes to look at them, plan them and price the plan; no node is logged in to."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from koprogo_fleet.core.errors import OverBudget, OvhError
from koprogo_fleet.core.events import Listener, Note
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.inventory.documents import private_key_of
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.prices import get_prices, subsidiary_of
from koprogo_fleet.provision.bill import PlanCost, check_plan, plan_cost
from koprogo_fleet.provision.keeper import NO_KEEPER, Keeper
from koprogo_fleet.provision.lists import Observed
from koprogo_fleet.provision.observe import observe
from koprogo_fleet.provision.plan import Plan, plan
from koprogo_fleet.ssh.user_keys import ensure_private_key
from koprogo_fleet.vault.client import Vault
from koprogo_fleet.vault.session import VaultSession
from koprogo_fleet.workflows.target import CloudTarget
from koprogo_fleet.workflows.vault import vault_on_demand


@dataclass(frozen=True)
class FleetAtOvh:
    """
    A fleet and the ways to its objects.

    Attributes:
        endpoint: names the subsidiary whose prices are asked for.
        keeper: keeps the secrets that OVH gives us.
        listener: is told what happens.
    """

    fleet: Fleet
    api: OvhApi
    endpoint: str
    keeper: Keeper
    listener: Listener

    def observe(self) -> Observed:
        """
        Read every list that an object of the fleet may be in.

        Raises:
            OvhError: the API refuses, or gives no answer.
        """
        return observe(self.api, self.fleet, self.keeper)

    def plan(self, observed: Observed | None = None) -> Plan:
        """
        Set the fleet against what was *observed* (or is observed now); nothing is changed.

        Raises:
            OvhError: the API refuses, or gives no answer.
            InputError: OVH sells no such flavor or image, or not so many.
        """
        key = ensure_private_key(private_key_of(self.fleet))
        return plan(self.fleet, observed or self.observe(), key)

    def price(self, wanted: Plan, budget: Decimal | None) -> PlanCost | None:
        """
        Return what a plan does to the monthly bill; None where it changes nothing, or (with a note) without prices.

        With a *budget* the prices are needed, whatever the plan.

        Raises:
            OverBudget: there is a budget, and the catalogue cannot be read.
        """
        if not wanted.steps and budget is None:
            return None
        try:
            prices = get_prices(self.api, subsidiary_of(self.endpoint))
        except OvhError as error:
            if budget is None:
                self.listener(Note(f"the plan is shown without its price: {error.seen}"))
                return None
            raise OverBudget(
                f"nothing was done: whether the plan fits the budget of {budget:.2f} a month cannot be told: {error.seen}",
                cause="OVH's price catalogue cannot be read",
                next_step="run the command again later; or without a budget (budget in fleet.yaml, --budget)",
            ) from error
        return plan_cost(wanted, prices)

    def tell_price(self, wanted: Plan, budget: Decimal | None) -> None:
        """
        Tell the listener what a plan does to the monthly bill, and stop a plan above the *budget*.

        Raises:
            OverBudget: the fleet would cost more than it may, or nobody can tell.
        """
        cost = self.price(wanted, budget)
        if cost is not None:
            self.listener(cost.told(budget))
            if budget is not None:
                check_plan(cost, budget)


@contextmanager
def open_fleet(
    fleet: Fleet, target: CloudTarget, listener: Listener, vault: Callable[[], VaultSession] | None = None
) -> Generator[FleetAtOvh]:
    """
    Yield the ways to a fleet's objects. Vault is opened only where fleet.yaml has backups, whose keys it keeps.

    *vault* gives the session of a run that has one.

    Raises:
        MissingCredentials: Vault is needed, and there is no way to log in to it.
    """
    api, endpoint = OvhApi(target.credentials, listener), target.credentials.endpoint
    if fleet.backups is None:
        yield FleetAtOvh(fleet, api, endpoint, NO_KEEPER, listener)
        return
    with vault_on_demand(target.vault) as own:
        keeper = Vault((vault or own)(), fleet.vault.mount)
        yield FleetAtOvh(fleet, api, endpoint, keeper, listener)


def budget_of(fleet: Fleet, given: Decimal | None) -> Decimal | None:
    """Return what the fleet may cost a month: as *given* on the command line, else as fleet.yaml says; None where nobody says."""
    return Decimal(fleet.budget) if given is None and fleet.budget is not None else given
