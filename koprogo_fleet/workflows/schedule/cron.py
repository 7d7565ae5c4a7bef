"""Times as cron writes them, for schedulers other than systemd."""

from __future__ import annotations

import re

from koprogo_fleet.core.errors import InputError

_WORDS = {
    "hourly": "0 * * * *",
    "daily": "0 0 * * *",
    "weekly": "0 0 * * 1",
    "monthly": "0 0 1 * *",
}
_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_LONG = re.compile(
    r"(?:(?P<days>[A-Z][\w,.]*) +)?(?:\*-\*-(?P<day>\*|\d{1,2}) +)?(?P<hour>[\d*/,.]+):(?P<minute>[\d*/,.]+)(?::00?)?"
)
_ITEM = re.compile(r"(?P<first>\d{1,2})(?:\.\.(?P<last>\d{1,2})|/(?P<step>\d{1,2}))?")


def cron_expression(calendar: str) -> str:
    """
    Return the five fields of cron for one of systemd's calendar expressions.

    Raises:
        InputError: cron has no such time, or it is written in a form that is not read here.
    """
    if calendar in _WORDS:
        return _WORDS[calendar]
    found = _LONG.fullmatch(calendar)
    if found is None:
        raise _unreadable(calendar)
    minute, hour = (_field(found[name], most, calendar) for name, most in (("minute", 59), ("hour", 23)))
    day = found["day"] or "*"
    days = ",".join(_day(part, calendar) for part in found["days"].split(",")) if found["days"] else "*"
    if day != "*" and days != "*":  # cron takes a day that fits either, systemd one that fits both
        raise _unreadable(calendar)
    return f"{minute} {hour} {_field(day, 31, calendar)} * {days}"


def _field(text: str, most: int, calendar: str) -> str:
    return "*" if text == "*" else ",".join(_item(part, most, calendar) for part in text.split(","))


def _item(text: str, most: int, calendar: str) -> str:
    found = _ITEM.fullmatch(text)
    if found is None or int(found["first"]) > most or int(found["last"] or 0) > most or found["step"] == "0":
        raise _unreadable(calendar)
    first = int(found["first"])
    if found["step"]:
        return f"{first}-{most}/{int(found['step'])}"
    return f"{first}-{int(found['last'])}" if found["last"] else str(first)


def _day(text: str, calendar: str) -> str:
    first, _, last = text.partition("..")
    if first not in _DAYS or (last and last not in _DAYS):
        raise _unreadable(calendar)
    begin, end = _DAYS.index(first), _DAYS.index(last or first)
    if last == "Sun" and begin:  # cron's week begins with it, and not every cron calls it 7 as well
        return f"{begin}-6,0"
    if begin > end:
        raise _unreadable(calendar)
    return f"{begin}-{end}" if last else str(begin)


def _unreadable(calendar: str) -> InputError:
    return InputError(
        f'"{calendar}" cannot be written as cron has it',
        next_step='write it as "Mon..Fri 02:30", "*-*-* 00/6:15:00" or hourly, or take --print systemd',
    )
