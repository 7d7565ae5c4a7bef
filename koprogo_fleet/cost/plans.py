"""Under which code each thing stands in the catalogue."""

from __future__ import annotations

from typing import NamedTuple

from koprogo_fleet.cost.items import Kind, Wanted

_THREE_ZONES = ".3AZ"
_REGIONS_WITH_THREE_ZONES = ("EU-WEST-PAR", "EU-SOUTH-MIL")
_LETTERS = {"small": "s", "medium": "m", "large": "l"}
_CODES: dict[Kind, tuple[str, str | None]] = {
    Kind.INSTANCE: ("{type}.consumption", "{type}.monthly.postpaid"),
    Kind.VOLUME: ("volume.{type}.consumption", None),
    Kind.LOAD_BALANCER: ("octavia-loadbalancer.loadbalancer-{letter}.hour.consumption", None),
    Kind.GATEWAY: ("gateway.{letter}.hour.consumption", None),
    Kind.FLOATING_IP: ("floatingip.floatingip.hour.consumption", None),
    Kind.PUBLIC_IP: ("publicip.ip.hour.consumption", None),
    Kind.CONTAINER: ("storage-standard.consumption", None),
}


class PlanCodes(NamedTuple):
    """The codes of one thing; *monthly* is None where it is not sold by the month."""

    hourly: str
    monthly: str | None = None


def plan_codes(wanted: Wanted) -> PlanCodes:
    """
    Return the codes that *wanted* is priced by: those that the API told, or those that its type makes.

    A region of three zones has prices of its own, whose codes end in ".3AZ".
    """
    made = _made(wanted)
    if wanted.region in _REGIONS_WITH_THREE_ZONES:
        made = PlanCodes(made.hourly + _THREE_ZONES)
    return PlanCodes(wanted.hourly_plan or made.hourly, wanted.monthly_plan or made.monthly)


def _made(wanted: Wanted) -> PlanCodes:
    hourly, monthly = _CODES[wanted.kind]
    names = {"type": wanted.type, "letter": _LETTERS.get(wanted.type, wanted.type)}
    return PlanCodes(hourly.format(**names), monthly.format(**names) if monthly else None)
