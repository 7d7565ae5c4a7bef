"""
Who works on an open rotation, and whether that run still lives.

What keeps two runs apart is Vault: each write of the record needs the version that was read, so a run whose record another
one took is refused at its next boundary. This module only decides when taking it is allowed: at once where the other
process ran on this machine and is gone; otherwise when it has not written for longer than its next step may take.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

CLOCKS_DIFFER = timedelta(minutes=10)
"""By how much the clocks of two controllers may be wrong before one takes over too early, or too late."""


@dataclass(frozen=True)
class Holder:
    """
    A run that works on a rotation.

    Attributes:
        host: of its machine.
        process: its number there, and when the kernel started it: numbers are used again.
        command: what it does, for people.
        since: when it took the rotation.
        until: when it will have written the record again, if it lives.
    """

    host: str
    process: str
    command: str
    since: datetime
    until: datetime

    def __str__(self) -> str:
        pid = self.process.partition("/")[0]
        return f"{self.command} (process {pid} on {self.host}, since {self.since:%Y-%m-%d %H:%M:%S} UTC)"


def this_process(command: str, now: datetime, lease: timedelta) -> Holder:
    """Return ourselves as a holder until *lease* from *now*."""
    return Holder(socket.gethostname(), _process(os.getpid()), command, now, now + lease)


def is_dead(holder: Holder, now: datetime) -> bool:
    """
    Say whether *holder* does not work on its rotation any more.

    Our own process counts as dead: the fleet's lock admits one run at a time, so an earlier one of this process has ended.
    """
    if holder.host == socket.gethostname():
        pid = int(holder.process.partition("/")[0])
        return pid == os.getpid() or _process(pid) != holder.process
    return now > holder.until + CLOCKS_DIFFER


def _process(pid: int) -> str:
    """Return a process' number and the tick of its start; the number alone where there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return f"{pid}/"
    return f"{pid}/{fields[19]}"
