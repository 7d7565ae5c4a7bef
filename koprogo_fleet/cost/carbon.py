"""
An estimate of the CO2 of a fleet's instances in use. It is an estimate: nothing is measured.

It is electricity alone: vCPUs x watts x hours x PUE x the grid's grams. Making the servers, memory, disks and network are
not in it. OVH's own carbon calculator (in the manager) is the better source for what has run.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from koprogo_fleet.cost.estimate import HOURS_PER_MONTH, Estimate
from koprogo_fleet.cost.items import Kind

IDLE_WATTS = Decimal("0.80")
FULL_WATTS = Decimal("3.52")
"""
Per vCPU. The mean of Cloud Carbon Footprint's coefficients (from SPECpower) for the processors that OVHcloud documents:
Haswell, Broadwell, Skylake, Cascade Lake, EPYC Milan, and Milan again for Genoa. Averaged by the GreenKube project
(docs/power_estimation_methodology.md); recomputed here.
"""

UTILISATION = Decimal("0.5")
"""Cloud Carbon Footprint's assumption where nobody measures."""

PUE = Decimal("1.28")
"""OVHcloud's mean over all its data centres, as it said when it presented its carbon calculator (channelnews.fr, 128249)."""

GRAMS_PER_KWH = {"FR": Decimal("21.3")}
"""France in 2024, direct emissions, by the grid's operator RTE. Other countries have no factor here: none is invented."""

_FRENCH = ("GRA", "SBG", "RBX", "EU-WEST-PAR")


@dataclass(frozen=True)
class Carbon:
    """
    Kilograms of CO2 equivalent a month.

    Attributes:
        kwh: the electricity behind it, a month.
        without_factor: instances that are not in it, because their country or their size is not known here.
        basis: what was multiplied, and where each figure is from.
    """

    kilograms: Decimal
    kwh: Decimal
    without_factor: tuple[str, ...]
    basis: str


def carbon_of(found: Estimate) -> Carbon:
    """Estimate the CO2 of all instances of an estimate, running all month."""
    watts = IDLE_WATTS + UTILISATION * (FULL_WATTS - IDLE_WATTS)
    kwh, grams, without = Decimal(0), Decimal(0), []
    for line in found.lines:
        if line.wanted.kind != Kind.INSTANCE:
            continue
        country = "FR" if line.wanted.region.startswith(_FRENCH) else None
        if line.vcpus is None or country is None:
            without.append(line.wanted.name)
            continue
        used = line.vcpus * watts * PUE * HOURS_PER_MONTH / 1000
        kwh += used
        grams += used * GRAMS_PER_KWH[country]
    return Carbon(
        kilograms=grams / 1000,
        kwh=kwh,
        without_factor=tuple(without),
        basis=f"an estimate, not a measurement: {watts} W per vCPU (Cloud Carbon Footprint's coefficients at "
        f"{UTILISATION:.0%} load, mean of OVHcloud's processors) x {HOURS_PER_MONTH} h x PUE {PUE} (OVHcloud's mean) x "
        f"{GRAMS_PER_KWH['FR']} g/kWh (France 2024, RTE, direct emissions); electricity of the vCPUs only, without the "
        "making of servers, memory, disks and network",
    )
