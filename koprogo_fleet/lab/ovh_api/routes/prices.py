"""The public price catalogue."""

from __future__ import annotations

from typing import Any

from koprogo_fleet.lab.ovh_api.calls import Call, Route
from koprogo_fleet.lab.ovh_api.errors import bad_request
from koprogo_fleet.lab.ovh_api.recorded import price_catalogue

SUBSIDIARIES = frozenset(["CZ", "DE", "ES", "FI", "FR", "GB", "IE", "IT", "LT", "MA", "NL", "PL", "PT", "SN", "TN"])
"""Those that the European API answers for; the prices are always the French ones."""


def _catalogue(call: Call) -> Any:
    if call.query.get("ovhSubsidiary") not in SUBSIDIARIES:
        raise bad_request("invalid ovhSubsidiary")
    return price_catalogue()["catalog"]


ROUTES = (Route("GET", "/order/catalog/public/cloud", _catalogue),)
