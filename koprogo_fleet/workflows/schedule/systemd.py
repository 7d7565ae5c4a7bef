"""What systemd is asked: the only module here that starts its programs."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from koprogo_fleet.core.errors import InputError, KoprogoError, MissingRequirement

BOOTED = Path("/run/systemd/system")
"""What is there while systemd runs: see sd_booted(3)."""

SECONDS = 90.0
"""After which a program of systemd has hung: it asks a service on the same machine."""


def check_running() -> None:
    """
    Check that systemd runs this machine, before anything is changed.

    Raises:
        MissingRequirement: it does not.
    """
    if not BOOTED.is_dir():
        raise MissingRequirement(
            "systemd does not run on this machine",
            cause="timers are systemd's",
            next_step="write into an image with --root, or see --print cronjob and github: for another scheduler",
        )


def check_calendar(expression: str) -> None:
    """
    Let systemd read a calendar expression.

    Raises:
        InputError: it is none.
        MissingRequirement: there is no systemd here.
    """
    ended = _run("systemd-analyze", "calendar", "--", expression)
    if ended.returncode:
        raise InputError(
            f'"{expression}" is no time: {_last_line(ended.stderr)}',
            next_step='write it as hourly, "Mon..Fri 02:30" or "*-*-* 00/6:15:00"; see: man systemd.time',
        )


def verify(units: Mapping[str, str]) -> None:
    """
    Let systemd read units, by the names of their files, before they are put where it finds them.

    Raises:
        KoprogoError: it has something to say about one of them.
        MissingRequirement: there is no systemd here.
    """
    with tempfile.TemporaryDirectory(prefix="koprogo-units-") as directory:
        for name, text in units.items():
            Path(directory, name).write_text(text, encoding="utf-8")
        said = _run("systemd-analyze", "verify", *(str(Path(directory, name)) for name in units)).stderr
    if problems := [line for line in said.splitlines() if any(name in line for name in units)]:
        raise KoprogoError(
            "systemd does not take the units as they are:\n" + "\n".join(f"  {line}" for line in problems),
            cause="this systemd is older than the settings used, or a path in them is wrong",
            next_step="koprogo-fleet schedule install --print systemd, and look at what it names",
        )


def make_account(file: Path) -> None:
    """
    Make the account that a file of sysusers.d describes, unless it exists.

    Raises:
        KoprogoError: it could not be made.
    """
    _successful("systemd-sysusers", str(file))


def take_in() -> None:
    """
    Let systemd read its units anew.

    Raises:
        KoprogoError: it does not run, or refuses.
    """
    _successful("systemctl", "daemon-reload")


def enable(timers: Sequence[str], root: Path | None) -> None:
    """
    Let timers start at boot, and now, with their present settings; in an image below *root*, only at boot.

    Raises:
        KoprogoError: systemd refuses.
    """
    if root is not None:
        _successful("systemctl", f"--root={root}", "enable", *timers)
        return
    _successful("systemctl", "enable", *timers)
    _successful("systemctl", "restart", *timers)


def forget(timers: Sequence[str], root: Path | None) -> None:
    """
    Stop timers for good, and when they ran last; a run that they began goes on to its end.

    Raises:
        KoprogoError: systemd refuses.
    """
    if root is not None:
        _successful("systemctl", f"--root={root}", "disable", *timers)
        return
    _successful("systemctl", "disable", "--now", *timers)
    _successful("systemctl", "clean", "--what=state", *timers)


def is_in_force(unit: str) -> bool:
    """
    Return whether a unit runs, or waits for its time, as its file says.

    Raises:
        KoprogoError: systemd does not run here.
    """
    shown = show(unit, ("ActiveState", "NeedDaemonReload"))
    return shown.get("ActiveState") == "active" and shown.get("NeedDaemonReload") != "yes"


def show(unit: str, properties: Sequence[str]) -> Mapping[str, str]:
    """
    Return properties of a unit as systemd prints them, with times in UTC.

    Raises:
        KoprogoError: systemd does not run here.
    """
    said = _successful("systemctl", "show", "--timestamp=utc", f"--property={','.join(properties)}", unit)
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def _successful(*command: str) -> str:
    ended = _run(*command)
    if ended.returncode:
        raise KoprogoError(
            f"{' '.join(command[:2])} ended with exit status {ended.returncode}: {_last_line(ended.stderr)}",
            next_step="run the same again as root; what is done already stays, and is not done twice",
        )
    return ended.stdout


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError as error:
        raise MissingRequirement(
            f"there is no {command[0]} on this machine",
            cause="timers are systemd's",
            next_step="koprogo-fleet schedule install --print cronjob, or github: for another scheduler",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise KoprogoError(
            f"{command[0]} did not end within {SECONDS:.0f} s",
            next_step="systemctl status, and look whether it answers",
        ) from error


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]
