"""What bears the fleet's names at OVH and is not in fleet.yaml, with its price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.cost.estimate import Estimate, estimate
from koprogo_fleet.cost.items import Wanted
from koprogo_fleet.provision.owned import Owned, orphans
from koprogo_fleet.workflows.cost import catalogue_of
from koprogo_fleet.workflows.ovh import open_fleet
from koprogo_fleet.workflows.target import Choice, CloudTarget


@dataclass(frozen=True)
class Orphan:
    """
    One object that nobody wants.

    Attributes:
        goes: the next provision deletes it, because fleet.yaml says that its pool is smaller.
        monthly: its price for a full month; None where it is free, or has no price.
        unpriced: it is billed, and the catalogue has no price for it.
    """

    kind: str
    name: str
    id: str
    goes: bool
    monthly: Decimal | None
    unpriced: bool

    @property
    def what(self) -> str:
        """It, in words."""
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Orphans:
    """All of them; *source* says where the prices are from, and is empty where none were needed."""

    orphans: tuple[Orphan, ...]
    currency: str
    source: str

    @property
    def monthly(self) -> Decimal:
        """The sum of what has a price."""
        return sum((orphan.monthly for orphan in self.orphans if orphan.monthly is not None), Decimal(0))


def find_orphans(
    fleet: Fleet, choice: Choice, target: CloudTarget, listener: Listener, *, subsidiary: str = "FR"
) -> Orphans:
    """
    Look for what the fleet owns and does not want; the catalogue is read only where something is billed.

    Raises:
        OvhError: the API refuses, or gives no answer.
    """
    with open_fleet(fleet, target, listener) as here:
        observed = here.observe()
    found = orphans(observed, fleet)
    billed = [item.kind.billed_now(item.existing, observed) for item in found]
    wanted = [bill for bill in billed if bill is not None]
    if not wanted:
        return Orphans(tuple(_orphan(item, None, None, fleet) for item in found), "EUR", "")
    catalogue, source = catalogue_of(choice, listener, subsidiary)
    prices = [None if bill is None else estimate([bill], catalogue) for bill in billed]
    priced = zip(found, billed, prices, strict=True)
    return Orphans(tuple(_orphan(item, bill, price, fleet) for item, bill, price in priced), catalogue.currency, source)


def _orphan(item: Owned, bill: Wanted | None, price: Estimate | None, fleet: Fleet) -> Orphan:
    lines: Sequence[object] = price.lines if price else ()
    return Orphan(
        kind=item.kind.noun,
        name=item.existing.name,
        id=item.existing.id,
        goes=item.kind.surplus(fleet, item.existing.name),
        monthly=price.monthly if price and lines else None,
        unpriced=bill is not None and not lines,
    )
