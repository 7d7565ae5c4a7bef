"""The document's table beside a fleet, and the CO2, by the recorded catalogue."""

from __future__ import annotations

from decimal import Decimal

import pytest

from koprogo_fleet.cost import SEED, Billing, Kind, Wanted, carbon_of, compare, estimate
from koprogo_fleet.lab.ovh_api.recorded import price_catalogue
from koprogo_fleet.ovh.prices import parse_catalogue

CATALOGUE = parse_catalogue(price_catalogue()["catalog"])
REGION = "GRA11"


def nodes(flavor: str, count: int, billing: Billing = Billing.HOURLY, region: str = REGION) -> list[Wanted]:
    """Return some instances."""
    return [Wanted(Kind.INSTANCE, f"{flavor}-{number}", region, flavor, billing=billing) for number in range(count)]


def volumes(kind: str) -> list[Wanted]:
    """Return the seed's 600 GB."""
    return [Wanted(Kind.VOLUME, f"v-{number}", REGION, kind, size_gb=200) for number in range(3)]


def test_the_seed_s_table_is_complete() -> None:
    """The rows are the document's: 330 euro a month."""
    assert Decimal(330) == sum(row.total for row in SEED)
    assert [90, 180, 20, 30, 10] == [row.total for row in SEED]


def test_every_difference_is_explained() -> None:
    """The seed's fleet by the hour: each row has our figure, the difference, and the reason with its figures."""
    found = estimate([*nodes("b2-15", 3), *nodes("b2-30", 3), *volumes("high-speed")], CATALOGUE)

    control, workers, balancer, storage, backup = compare(found, CATALOGUE)

    assert (Decimal("282.51"), Decimal("192.51")) == (control.ours, control.difference)
    assert "0.129 an hour is 94.17 for 730 hours, 46.20 by the month - the document is below both" in control.why
    assert "93.50 by the month" in workers.why
    assert (Decimal(-20), "the fleet has none; a small load balancer costs 6.06 a month") == (
        balancer.difference,
        balancer.why,
    )
    assert "600 GB high-speed at 0.087 a GB; the document has 0.050 a GB, near classic volumes (0.043)" == storage.why
    assert "the fleet has none" in backup.why
    assert found.monthly == sum(item.ours for item in (control, workers, balancer, storage, backup))


def test_other_counts_and_other_things_are_told() -> None:
    """Fewer nodes than the document has, and what it does not have at all, are reasons of their own."""
    found = estimate([*nodes("b2-15", 1, Billing.MONTHLY), *nodes("b3-8", 2), *volumes("classic")], CATALOGUE)

    control, *_, storage, _, rest = compare(found, CATALOGUE)

    assert control.why.startswith("1 instead of 3; ")
    assert "near classic" not in storage.why
    assert (None, "not in the document's table: instance b3-8") == (rest.row, rest.why)
    assert rest.difference == rest.ours > 0


def test_parts_of_a_row_are_added() -> None:
    """The load balancer's row is the load balancer with its gateway and address."""
    parts = [
        Wanted(Kind.LOAD_BALANCER, "lb", REGION, "small"),
        Wanted(Kind.GATEWAY, "gw", REGION, "s"),
        Wanted(Kind.FLOATING_IP, "ip", REGION),
    ]

    balancer = compare(estimate(parts, CATALOGUE), CATALOGUE)[2]

    assert balancer.ours == Decimal("0.0083") * 730 + Decimal("0.0028") * 730 + Decimal("0.0025") * 730
    assert "load balancer 6.06 + gateway 2.04 + floating IP 1.82" == balancer.why


def test_carbon_is_what_its_basis_says() -> None:
    """36 vCPUs x 2.16 W x 730 h x PUE x grams; the basis says that it is an estimate, and whose figures these are."""
    carbon = carbon_of(estimate([*nodes("b2-15", 3), *nodes("b2-30", 3), *volumes("classic")], CATALOGUE))

    kwh = Decimal(36) * Decimal("2.16") * Decimal("1.28") * 730 / 1000
    assert (kwh, kwh * Decimal("21.3") / 1000) == (carbon.kwh, carbon.kilograms)
    for word in ("an estimate", "Cloud Carbon Footprint", "OVHcloud", "RTE", "without"):
        assert word in carbon.basis


@pytest.mark.parametrize("region", ["WAW1", "BHS5"])
def test_no_factor_is_invented(region: str) -> None:
    """Instances in a country without a factor are named, and are not in the figure."""
    carbon = carbon_of(estimate(nodes("b2-7", 1, region=region), CATALOGUE))

    assert (Decimal(0), ("b2-7-0",)) == (carbon.kilograms, carbon.without_factor)
