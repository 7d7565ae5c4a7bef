"""When a secret is due, and when it may be rotated. Pure; all times are UTC."""

from __future__ import annotations

from datetime import datetime, timedelta

from koprogo_fleet.secrets.kinds.lifetime import Lifetime
from koprogo_fleet.secrets.spec import RotationPolicy

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = timedelta(days=1)


def is_due(policy: RotationPolicy, age: timedelta | None) -> bool:
    """Say whether a value of *age* is too old; one whose age nobody knows is not."""
    return policy.max_age is not None and age is not None and age > policy.max_age


def has_aged(lifetime: Lifetime | None, now: datetime) -> bool:
    """Say whether values that end by themselves have two thirds of their time behind them."""
    return lifetime is not None and now >= lifetime.due


def in_window(window: str | None, now: datetime) -> bool:
    """
    Say whether *now* is in a window such as ``sat,sun 02:00-05:00``; without one it is always.

    A window that ends before it begins ends on the day after: ``sat 22:00-02:00`` is over on Sunday.
    """
    if window is None:
        return True
    days, begin, end = _parsed(window)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    long = (end - begin) % DAY or DAY
    starts = (midnight + begin, midnight + begin - DAY)
    return any(start <= now < start + long and DAYS[start.weekday()] in days for start in starts)


def _parsed(window: str) -> tuple[tuple[str, ...], timedelta, timedelta]:
    days, _, times = window.rpartition(" ")
    begin, _, end = times.partition("-")
    return tuple(days.split(",")) if days else DAYS, _time(begin), _time(end)


def _time(written: str) -> timedelta:
    hours, _, minutes = written.partition(":")
    return timedelta(hours=int(hours), minutes=int(minutes))


def in_words(age: timedelta) -> str:
    """Return an age as people say it: the largest unit alone."""
    seconds = int(age.total_seconds())
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if number := seconds // length:
            return f"{number} {unit}{'s' if number != 1 else ''}"
    return "under a minute"
