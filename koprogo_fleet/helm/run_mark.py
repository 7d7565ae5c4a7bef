"""
Telling whether the process that left a release half done is still alive.

The mark names one process of one boot of one machine (or container). It has no meaning elsewhere, and says nothing
about who or where that is.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_PROC = Path("/proc")


def own_mark() -> str:
    """Return this process's mark; it is a valid Kubernetes label."""
    pid = os.getpid()
    return f"{_place()}.{pid}.{_start_time(pid)}"


def is_dead(mark: str) -> bool:
    """Return whether *mark* is of a process of this very machine and boot that has ended; False where unknown."""
    place, _, process = mark.partition(".")
    pid, _, start_time = process.partition(".")
    return place == _place() and pid.isdecimal() and _start_time(int(pid)) != start_time


def _place() -> str:
    boot = (_PROC / "sys/kernel/random/boot_id").read_text()
    namespace = (_PROC / "self/ns/pid").readlink()
    return hashlib.sha256(f"{boot}{namespace}".encode()).hexdigest()[:16]


def _start_time(pid: int) -> str | None:
    """Return when a process started, in clock ticks since boot: a number that is used again has another one."""
    try:
        after_name = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2]
    except (FileNotFoundError, ProcessLookupError):
        return None
    return after_name.split()[19]
