"""
Daemons that outlive the command which started them, and are recognised again by a later one.

A process is known by its number and the time it started, since numbers are used again. Both are written by the new
process itself before it becomes the program, so that even a crash of ours in between leaves no unknown process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.core.errors import WaitTimeout
from koprogo_fleet.core.wait import NotYet, wait_for

# $0 is the process file; the 22nd field of stat is the start time, and "(sh)" before it has no blank.
INTRODUCE_AND_BECOME = """\
printf '{"pid": %s, "start_time": %s}' "$$" "$(cut -d' ' -f22 "/proc/$$/stat")" > "$0.new" && mv "$0.new" "$0" &&
exec "$@"
"""
TAIL_LINES = 15


@dataclass(frozen=True)
class Process:
    """A process of this machine; *start_time* is in clock ticks since the machine booted, as in ``/proc/PID/stat``."""

    pid: int
    start_time: int


def start_daemon(
    argv: Sequence[str | Path], *, process_file: Path, log: Path, environment: Mapping[str, str] | None = None
) -> None:
    """
    Start a program in a session of its own; whether it goes on running is for :func:`running` to tell.

    Args:
        argv: the program and its arguments.
        log: its standard output and error are appended to it; 0600.
        process_file: remembers the process for :func:`running` and :func:`stop`.
        environment: replaces ours where given.
    """
    process_file.unlink(missing_ok=True)
    with log.open("ab") as stream:
        os.fchmod(stream.fileno(), 0o600)
        subprocess.run(
            ["setsid", "--fork", "sh", "-c", INTRODUCE_AND_BECOME, process_file, *argv],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            cwd="/",
            env=environment,
            timeout=30,
            check=True,
        )

    def introduced() -> None:
        if not process_file.exists():
            raise NotYet("it has not said its number")

    wait_for(f"{argv[0]} to start", introduced, seconds=10, interval=0.01)


def running(process_file: Path) -> Process | None:
    """Return the process that *process_file* remembers, or None when it does not run (any more)."""
    try:
        process = Process(**json.loads(process_file.read_text()))
    except FileNotFoundError:
        return None
    return process if _start_time(process.pid) == process.start_time else None


def stop(process_file: Path, *, seconds: float) -> None:
    """End the process politely, or by force after *seconds*, with all of its session; a process that is gone is fine."""
    process = running(process_file)
    if process is not None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)
        try:
            _wait_until_gone(process_file, seconds)
        except WaitTimeout:
            kill(process_file)
    process_file.unlink(missing_ok=True)


def kill(process_file: Path) -> None:
    """End the process and its session by force."""
    process = running(process_file)
    if process is not None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        _wait_until_gone(process_file, 10)
    process_file.unlink(missing_ok=True)


def log_tail(log: Path) -> str:
    """Return the last lines of a log, indented for an error's text."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return "\n".join(f"  {line}" for line in lines[-TAIL_LINES:])


def _wait_until_gone(process_file: Path, seconds: float) -> None:
    def gone() -> None:
        if process := running(process_file):
            raise NotYet(f"process {process.pid} runs")

    wait_for(f"the process of {process_file} to end", gone, seconds=seconds, interval=0.05)


def _start_time(pid: int) -> int | None:
    """Return when the process started; None where it does not exist, or has ended and nobody has asked how."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] == "Z" else int(fields[19])
