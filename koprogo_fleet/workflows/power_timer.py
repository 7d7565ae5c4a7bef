"""systemd units that switch a fleet off and on at fixed hours. Their texts are pure."""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.paths import STATE_VARIABLE
from koprogo_fleet.workflows.units import installed_program, unit_word

WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
CREDENTIALS = "/etc/koprogo-fleet/{fleet}.env"

_DAY_MINUTES = 24 * 60

SERVICE = """\
[Unit]
Description=Switch the fleet {fleet} {word}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
User={user}
WorkingDirectory={folder}
# OVH_ENDPOINT, OVH_APPLICATION_KEY, ... (mode 0600), where no ovh.conf has them
EnvironmentFile=-{credentials}
{environment}ExecStart={command}
TimeoutStartSec=1h
"""

TIMER = """\
[Unit]
Description=Switch the fleet {fleet} {word} at {time}

[Timer]
OnCalendar={calendar}
# A time that was missed is not made up for: who starts this machine at noon does not want the fleet off.
Persistent=false

[Install]
WantedBy=timers.target
"""


@dataclass(frozen=True)
class Hours:
    """When a fleet is off: *off* and *on* in minutes of a day; *days* are numbers, Monday is 0."""

    off: int
    on: int
    days: tuple[int, ...]

    @classmethod
    def parse(cls, off: str, on: str, days: str = "") -> Hours:
        """
        Read times such as 20:00, and days such as ``Mon..Fri`` or ``Mon,Wed..Fri``.

        Raises:
            InputError: they are none, or both times are the same.
        """
        found = cls(_minutes(off), _minutes(on), _days(days))
        if found.off == found.on:
            raise InputError(f"the fleet would be switched off and on at {off}", next_step="--off 20:00 --on 07:00")
        return found

    def calendar(self, minutes: int) -> str:
        """Return the time as OnCalendar has it."""
        days = f"{','.join(WEEK[day] for day in self.days)} " if len(self.days) < len(WEEK) else ""
        return f"{days}*-*-* {_clock(minutes)}:00"


@dataclass(frozen=True)
class Here:
    """Where and as whom the commands run: *program* and the *options* that name the fleet."""

    program: str
    options: tuple[str, ...]
    folder: str
    user: str
    variables: Mapping[str, str]


def here(options: Sequence[str]) -> Here:
    """
    Return this machine's program, folder and user: the fleet's key, journal and lock are the user's.

    Raises:
        MissingRequirement: the program is not installed where anybody would find it.
    """
    kept = {name: os.environ[name] for name in (STATE_VARIABLE,) if name in os.environ}
    return Here(str(installed_program()), tuple(options), str(Path.cwd()), getpass.getuser(), kept)


def units(fleet: str, hours: Hours, place: Here, *, shelve: bool = False) -> dict[str, str]:
    """Return the texts of two services and their timers, by the names of their files."""
    made = {}
    for word, minutes, more in (("off", hours.off, ("--shelve",) if shelve else ()), ("on", hours.on, ())):
        name = f"koprogo-fleet-{fleet}-power-{word}"
        command = " ".join(map(unit_word, (place.program, "power", word, *place.options, *more)))
        made[f"{name}.service"] = SERVICE.format(
            fleet=fleet,
            word=word,
            user=place.user,
            folder=place.folder.replace("%", "%%"),
            credentials=CREDENTIALS.format(fleet=fleet),
            environment="".join(
                f"Environment={unit_word(f'{key}={value}')}\n" for key, value in sorted(place.variables.items())
            ),
            command=command,
        )
        made[f"{name}.timer"] = TIMER.format(
            fleet=fleet, word=word, time=_clock(minutes), calendar=hours.calendar(minutes)
        )
    return made


def hours_off(hours: Hours) -> float:
    """Return how many of the 168 hours of a week the fleet is off."""
    switches = sorted(
        (day * _DAY_MINUTES + minutes, is_on)
        for day in hours.days
        for minutes, is_on in ((hours.off, False), (hours.on, True))
    )
    week = len(WEEK) * _DAY_MINUTES
    off = 0
    for index, (minute, is_on) in enumerate(switches):
        if not is_on:
            off += (switches[(index + 1) % len(switches)][0] - minute) % week
    return off / 60


def _minutes(text: str) -> int:
    found = re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", text)
    if found is None:
        raise InputError(f'"{text}" is no time', next_step="write it as 20:00 or 07:30")
    return int(found[1]) * 60 + int(found[2])


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _days(text: str) -> tuple[int, ...]:
    if not text:
        return tuple(range(len(WEEK)))
    days: set[int] = set()
    for part in text.split(","):
        first, dots, last = part.partition("..")
        if first not in WEEK or (dots and last not in WEEK):
            raise InputError(f'"{part}" is no day of the week', next_step="write them as Mon..Fri or Mon,Wed")
        start = WEEK.index(first)
        length = (WEEK.index(last) - start) % len(WEEK) if dots else 0
        days |= {(start + step) % len(WEEK) for step in range(length + 1)}
    return tuple(sorted(days))
