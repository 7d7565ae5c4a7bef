"""What the month has cost so far: started hours of what exists now (OVH also counts what was deleted)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.recorded import price_catalogue
from koprogo_fleet.lab.ovh_api.state import Record

_EURO = 100_000_000


def _current(call: Call) -> Any:
    now = datetime.fromtimestamp(call.now, UTC)
    begin = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    with call.state.look() as data:
        instances = [dict(item) for item in data["instances"].values()]
        volumes = [dict(item) for item in data["volumes"].values()]
    hourly = [item for item in instances if not item.get("monthly_since")]
    monthly = [item for item in instances if item.get("monthly_since")]
    return {
        "period": {"from": _text(begin), "to": _text(now)},
        "lastUpdate": _text(now),
        "hourlyUsage": {
            "instance": [_instances(flavor, region, group, begin, now) for (flavor, region), group in _by(hourly)],
            "volume": [_volumes(kind, region, group, begin, now) for (kind, region), group in _by(volumes, "type")],
            "snapshot": [],
            "storage": [],
            "instanceBandwidth": [],
            "instanceOption": [],
        },
        "monthlyUsage": {
            "instance": [_monthly(flavor, region, group) for (flavor, region), group in _by(monthly)],
            "instanceOption": [],
            "savingsPlan": [],
            "certification": [],
        },
        "resourcesUsage": [],
    }


def _by(records: list[Record], kind: str = "flavor") -> Iterable[tuple[tuple[str, str], list[Record]]]:
    def key(record: Record) -> tuple[str, str]:
        return record[kind], record["region"]

    return [(found, list(group)) for found, group in groupby(sorted(records, key=key), key)]


def _instances(flavor: str, region: str, group: list[Record], begin: datetime, now: datetime) -> dict[str, Any]:
    price = _price(f"{flavor}.consumption")
    details = [
        {
            "instanceId": item["id"],
            "quantity": {"unit": "Hour", "value": (hours := _hours(item, begin, now))},
            "totalPrice": hours * price,
        }
        for item in group
    ]
    total = sum(item["quantity"]["value"] for item in details)
    return {
        "reference": flavor,
        "region": region,
        "quantity": {"unit": "Hour", "value": total},
        "totalPrice": total * price,
        "details": details,
    }


def _monthly(flavor: str, region: str, group: list[Record]) -> dict[str, Any]:
    price = _price(f"{flavor}.monthly.postpaid")
    details = [{"instanceId": item["id"], "activation": item["monthly_since"], "totalPrice": price} for item in group]
    return {"reference": flavor, "region": region, "totalPrice": price * len(group), "details": details}


def _volumes(kind: str, region: str, group: list[Record], begin: datetime, now: datetime) -> dict[str, Any]:
    price = _price(f"volume.{kind}.consumption")
    details = [
        {
            "volumeId": item["id"],
            "quantity": {"unit": "GiBh", "value": (quantity := item["size"] * _hours(item, begin, now))},
            "totalPrice": quantity * price,
        }
        for item in group
    ]
    total = sum(item["quantity"]["value"] for item in details)
    return {
        "type": kind,
        "region": region,
        "quantity": {"unit": "GiBh", "value": total},
        "totalPrice": total * price,
        "details": details,
    }


def _hours(record: Record, begin: datetime, now: datetime) -> int:
    """Return the started hours of this month."""
    created = datetime.fromisoformat(record["created"])
    return max(1, math.ceil((now - max(begin, created)).total_seconds() / 3600))


def _price(code: str) -> float:
    addons = price_catalogue()["catalog"]["addons"]
    return float(next(item for item in addons if item["planCode"] == code)["pricings"][0]["price"] / _EURO)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


ROUTES = (Route("GET", "/usage/current", _current),)
