"""The public price catalogue: a recorded, shortened one, whose file says from when and where it is."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import bad_request

SUBSIDIARIES = frozenset(["CZ", "DE", "ES", "FI", "FR", "GB", "IE", "IT", "LT", "MA", "NL", "PL", "PT", "SN", "TN"])
"""Those that the European API answers for; the prices are always the French ones."""


@cache
def recorded() -> dict[str, Any]:
    """Return the data file: ``recorded`` says what it is, ``catalog`` is the answer."""
    text = files("koprogo_fleet.lab.ovh_api").joinpath("data", "cloud-catalogue-fr.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data


def _catalogue(call: Call) -> Any:
    subsidiary = call.query.get("ovhSubsidiary")
    if subsidiary not in SUBSIDIARIES:
        raise bad_request("invalid ovhSubsidiary")
    return recorded()["catalog"]


ROUTES = (Route("GET", "/order/catalog/public/cloud", _catalogue),)
