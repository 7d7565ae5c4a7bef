"""What is to be priced: plain records, whoever makes them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What OVH sends a bill for."""

    INSTANCE = "instance"
    VOLUME = "volume"
    LOAD_BALANCER = "load balancer"
    GATEWAY = "gateway"
    FLOATING_IP = "floating IP"
    PUBLIC_IP = "public IP"
    CONTAINER = "container"


class Billing(StrEnum):
    """How an instance is paid; everything else is paid by the hour."""

    HOURLY = "hourly"
    MONTHLY = "monthly"


@dataclass(frozen=True)
class Wanted:
    """
    One object that costs money.

    Attributes:
        type: the flavor, the volume's type, or the size of a load balancer ("small") or gateway ("s"); "" where there
            is only one.
        size_gb: of a volume, or of what a container will hold.
        hourly_plan: the catalogue's code, where the API has told it (``GET /flavor``); else it is made of the type.
        monthly_plan: the same for payment by the month.
    """

    kind: Kind
    name: str
    region: str
    type: str = ""
    size_gb: int = 0
    billing: Billing = Billing.HOURLY
    hourly_plan: str | None = None
    monthly_plan: str | None = None
