"""What a plan that failed half-way has left at OVH, and what that costs: for the choice between going on and going back."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from koprogo_fleet.core.errors import KoprogoError, OvhError
from koprogo_fleet.core.events import Listener, Note
from koprogo_fleet.cost import estimate
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.credentials import OvhCredentials
from koprogo_fleet.ovh.prices import get_prices, subsidiary_of
from koprogo_fleet.provision.keeper import NO_KEEPER, Keeper
from koprogo_fleet.provision.lists import Observed
from koprogo_fleet.provision.observe import observe
from koprogo_fleet.provision.owned import owned
from koprogo_fleet.provision.plan import Plan

LOOK_SECONDS = 10.0
"""How long OVH is waited for: the run has failed already, often because OVH does not answer."""


@contextmanager
def told_if_it_fails(
    shown: Plan, credentials: OvhCredentials, listener: Listener, keeper: Keeper = NO_KEEPER
) -> Generator[None]:
    """
    Tell, when what is done about *shown* fails, which new objects exist nevertheless, and what the fleet costs so.

    Nothing is taken back: the next run goes on with what is there, and only a person knows whether it is wanted still.
    """
    try:
        yield
    except KoprogoError:
        api = OvhApi(credentials, patience=LOOK_SECONDS)
        try:
            _tell(shown, observe(api, shown.fleet, keeper), api, subsidiary_of(credentials.endpoint), listener)
        except KoprogoError as second:
            listener(Note(f"what exists at OVH now cannot be told: {second.seen}"))
        raise


def _tell(shown: Plan, now: Observed, api: OvhApi, subsidiary: str, listener: Listener) -> None:
    before = {item.existing.id for item in owned(shown.observed, shown.fleet)}
    found = owned(now, shown.fleet)
    if not (new := [item for item in found if item.existing.id not in before and not item.kind.tie]):
        return
    billed = [bill for item in found if (bill := item.kind.billed_now(item.existing, now)) is not None]
    try:
        cost = estimate(billed, get_prices(api, subsidiary))
        costs = f"the fleet costs {cost.monthly:.2f} {cost.currency} a month as it is"
    except OvhError as error:
        costs = f"what it costs so cannot be told ({error.seen})"
    names = ", ".join(str(item.ref) for item in new)
    listener(
        Note(
            f"it was not finished. New at OVH: {names}; {costs}. To go on from there, run the command again; "
            "to go back, put fleet.yaml back and run it, or koprogo-fleet destroy"
        )
    )
