"""Something that is done again and again, by systemd."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.hosts.questions import Question
from koprogo_fleet.hosts.resource import Decision, Fact
from koprogo_fleet.hosts.resources._account import check_account
from koprogo_fleet.hosts.resources.file import File
from koprogo_fleet.hosts.resources.service import Service
from koprogo_fleet.hosts.resources.unit import UnitFiles, unit_path


@dataclass(frozen=True)
class Timer:
    """
    *command* runs at the times of *calendar*: a systemd timer and its service, both called *timer*.

    Attributes:
        timer: their name, without a suffix.
        calendar: as of ``OnCalendar=`` ("*-*-* 03:00:00"); the node's systemd checks it before anything is written.
        command: as of ``ExecStart=``: no shell; ``%`` and ``$`` are systemd's own.
        user: who runs it.
        description: for people; the timer's name if empty.
        persistent: a time at which the node was off is made up for when it is on again.

    Raises:
        InputError: a name that no unit or user can have, or a value of several lines.
    """

    timer: str
    calendar: str
    command: str
    user: str = "root"
    description: str = ""
    persistent: bool = True

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9:_.-]+", self.timer):
            raise InputError(f"not a name for a timer: {self.timer!r}")
        check_account("user", self.user)
        if any(character in value for value in (self.calendar, self.command, self.description) for character in "\n\0"):
            raise InputError(f"a value of the timer {self.timer} is longer than a line")
        if not self.calendar.strip() or not self.command.strip() or self.command.endswith("\\"):
            raise InputError(f"the timer {self.timer} needs a calendar and a command")

    @property
    def name(self) -> str:
        """The word timer and its name."""
        return f"timer {self.timer}"

    def look(self) -> str:
        """Look at both files, then ask systemd."""
        return self._in_force().look()

    def questions(self) -> Iterable[Question]:
        """Ask the same."""
        return self._in_force().questions()

    def decide(self, fact: Fact) -> Decision:
        """Write the files, and have systemd wait for the next time."""
        return self._in_force().decide(fact)

    def _in_force(self) -> UnitFiles:
        about = (self.description or self.timer).rstrip("\\")
        service = (
            f"[Unit]\nDescription={about}\n\n[Service]\nType=oneshot\nUser={self.user}\nExecStart={self.command}\n"
        )
        timer = (
            f"[Unit]\nDescription={about}\n\n[Timer]\nOnCalendar={self.calendar}\n"
            f"Persistent={'yes' if self.persistent else 'no'}\n\n[Install]\nWantedBy=timers.target\n"
        )
        return UnitFiles(
            (File(unit_path(f"{self.timer}.service"), service), File(unit_path(f"{self.timer}.timer"), timer)),
            Service(f"{self.timer}.timer"),
            check=f"systemd-analyze calendar -- {shlex.quote(self.calendar)} >/dev/null",
        )
