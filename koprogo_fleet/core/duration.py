"""Spans of time, as a person writes them."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(written: object) -> object:
    if isinstance(written, str) and (found := re.fullmatch(r"(\d+)([smhd])", written)):
        return timedelta(**{_UNITS[found[2]]: int(found[1])})
    if isinstance(written, timedelta):
        return written
    raise ValueError("expected a number with a unit: 30s, 15m, 12h or 90d")


Duration = Annotated[
    timedelta, BeforeValidator(_duration), Field(description="a number with a unit: 30s, 15m, 12h or 90d")
]
