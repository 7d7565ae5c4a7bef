"""When a cron specification is due: five fields, or ``@hourly`` and its like (github.com/robfig/cron, as K3s uses it)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from koprogo_fleet.core.errors import InputError

_NAMED = {"@hourly": "0 * * * *", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@weekly": "0 0 * * 0"}
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 6))


@dataclass(frozen=True)
class Cron:
    """A specification, as the values that each field allows."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def due(self, moment: dt.datetime) -> bool:
        """Say whether it is due in the minute of *moment*; of the two kinds of day, one that is limited suffices."""
        of_month, of_week = moment.day in self.days, moment.isoweekday() % 7 in self.weekdays
        either = len(self.days) < 31 and len(self.weekdays) < 7  # noqa: PLR2004 - both are limited
        right_day = (of_month or of_week) if either else (of_month and of_week)
        return moment.minute in self.minutes and moment.hour in self.hours and moment.month in self.months and right_day


def parse(text: str) -> Cron:
    """
    Return what *text* means.

    Raises:
        InputError: it is no specification.
    """
    fields = _NAMED.get(text, text).split()
    if len(fields) != len(_FIELDS):
        raise InputError(f"expected exactly 5 fields, found {len(fields)}: [{' '.join(fields)}]")
    minutes, hours, days, months, weekdays = (
        _values(field, *known) for field, known in zip(fields, _FIELDS, strict=True)
    )
    return Cron(minutes, hours, days, months, weekdays)


def _values(field: str, name: str, low: int, high: int) -> frozenset[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        try:
            begin = low if span in {"*", "?"} else int(first)
            end = high if span in {"*", "?"} or (step and not last) else int(last or first)
            every = int(step or 1)
        except ValueError as error:
            raise InputError(f"failed to parse {name} from {part}") from error
        if not (low <= begin <= end <= high and every > 0):
            raise InputError(f"{name} {part} is not within {low} to {high}")
        found.update(range(begin, end + 1, every))
    return frozenset(found)
