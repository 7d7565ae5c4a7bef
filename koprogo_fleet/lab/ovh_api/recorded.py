"""The recorded price catalogue, shortened; its file says from when and where it is."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def price_catalogue() -> dict[str, Any]:
    """Return the data file: ``recorded`` says what it is, ``catalog`` is the API's answer."""
    text = files("koprogo_fleet.lab.ovh_api").joinpath("data", "cloud-catalogue-fr.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text)
    return data
