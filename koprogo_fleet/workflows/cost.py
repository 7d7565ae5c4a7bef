"""What a fleet.yaml costs a month: the catalogue is read, the rest is :mod:`koprogo_fleet.cost`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.cost import Carbon, Compared, Estimate, Hint, carbon_of, compare, estimate, hints
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.prices import PriceCatalogue, get_prices, parse_catalogue
from koprogo_fleet.provision.bill import wanted_of
from koprogo_fleet.workflows.target import Choice


@dataclass(frozen=True)
class Bill:
    """Everything that is known about the fleet's cost; *source* says where the prices are from, and from when."""

    source: str
    estimate: Estimate
    seed: tuple[Compared, ...]
    hints: tuple[Hint, ...]
    carbon: Carbon


def bill(directory: Path, choice: Choice, listener: Listener, *, subsidiary: str = "FR") -> Bill:
    """
    Price the fleet of *directory*: by the API's catalogue, or by the lab's recorded one where the lab is the target.

    Nothing is started, and nobody has to be root: the lab's API answers the same recorded catalogue.

    Raises:
        FileProblems: fleet.yaml has mistakes.
        OvhError: the catalogue cannot be read.
    """
    catalogue, source = catalogue_of(choice, listener, subsidiary)
    found = estimate(wanted_of(load_fleet(directory / "fleet.yaml")), catalogue)
    return Bill(source, found, compare(found, catalogue), hints(found), carbon_of(found))


def catalogue_of(choice: Choice, listener: Listener, subsidiary: str) -> tuple[PriceCatalogue, str]:
    """
    Return the price catalogue, and where it is from.

    Raises:
        OvhError: it cannot be read.
    """
    if choice.credentials is not None:
        prices = get_prices(OvhApi(choice.credentials, listener), subsidiary)
        return prices, f"OVH's catalogue for {prices.subsidiary}, read now from {choice.credentials.endpoint}"
    from koprogo_fleet.lab.ovh_api.recorded import price_catalogue

    recorded = price_catalogue()
    prices = parse_catalogue(recorded["catalog"])
    return prices, f"OVH's catalogue for {prices.subsidiary} as of {recorded['recorded']['date']}, recorded in the lab"
