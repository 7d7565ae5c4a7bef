"""The schedule of a fleet on this machine, or in an image: what differs, then exactly that."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from koprogo_fleet.core.credentials_directory import NAME
from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError, MissingRequirement
from koprogo_fleet.workflows.schedule import systemd
from koprogo_fleet.workflows.schedule.jobs import JOBS, Job
from koprogo_fleet.workflows.schedule.unit_texts import MARK, SYSUSERS, Place, files, mark_of, unit_name
from koprogo_fleet.workflows.units import SYSTEM_UNITS, differences, read_files, remove_files, write_files

WANTS = SYSTEM_UNITS / "timers.target.wants"
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - named because the units do not see them
"""What the units cannot see."""


@dataclass(frozen=True)
class SchedulePlan:
    """
    What has to happen, by paths in the system; *idle* are wanted timers that are not enabled, or not started.

    Attributes:
        wanted: the text of every file that belongs there.
        gone: files of ours that do not belong there any more.
        root: the image that it is about; None for this machine.
    """

    differences: tuple[Difference, ...]
    wanted: Mapping[Path, str]
    gone: tuple[Path, ...]
    idle: tuple[str, ...]
    root: Path | None


def inside(root: Path | None, path: Path) -> Path:
    """Return where *path* of the system is, seen from here."""
    return path if root is None else root / path.relative_to("/")


def credentials_directory(fleet: str) -> Path:
    """Return where the files are that the services get as credentials."""
    return Path(f"/etc/koprogo-fleet/{fleet}.credentials")


def find_credentials(directory: Path, named: Sequence[str] = (), root: Path | None = None) -> tuple[Path, ...]:
    """
    Return the files that the services get; their contents are not read.

    Args:
        directory: where they are.
        named: those that will be there later.
        root: the image that it is about.

    Raises:
        InputError: a file is not named as a variable of ours, or others than its owner may read it.
    """
    there = inside(root, directory)
    try:
        found = {path.name: path.stat().st_mode for path in there.iterdir()} if there.is_dir() else {}
    except OSError as error:
        raise MissingRequirement(f"cannot read {there}: {error.strerror}", next_step="run the same as root") from error
    for name in (*found, *named):
        if not NAME.fullmatch(name):
            raise InputError(
                f'"{name}" is no credential of ours',
                cause=f"each file of {directory} is named as the variable that it stands for",
                next_step="VAULT_ADDR, VAULT_TOKEN, OVH_ENDPOINT, …: see docs/reference/environment.md",
            )
    if exposed := sorted(name for name, mode in found.items() if mode & 0o077):
        raise InputError(
            f"others may read {', '.join(exposed)} in {there}",
            next_step=f"chmod 600 {' '.join(str(there / name) for name in exposed)}",
        )
    return tuple(directory / name for name in sorted({*found, *named}))


def check_visible(paths: Iterable[Path]) -> None:
    """
    Check that the units, which see no home directories, can see *paths*.

    Raises:
        InputError: one is where they cannot look, or cannot be written in a unit.
    """
    for path in paths:
        if not path.is_absolute() or "\n" in str(path):
            raise InputError(f"{path} is no absolute path", next_step="units run in a folder of their own")
        if hidden := next((place for place in HIDDEN if path.is_relative_to(place)), None):
            raise InputError(
                f"{path} is below {hidden}, which the locked-down units cannot see",
                next_step="keep the program in /opt (python3 -m venv /opt/koprogo-fleet), and the inventory in /srv",
            )


def check_units(jobs: Sequence[Job], place: Place, root: Path | None) -> None:
    """
    Let systemd judge the times and the units; the program of an image is looked for there.

    Raises:
        KoprogoError: it does not take them, or there is no program.
    """
    for job in jobs:
        systemd.check_calendar(job.calendar)
    program = inside(root, place.program)
    if not os.access(program, os.X_OK):
        raise MissingRequirement(f"there is no program {program}", next_step="name it with --program")
    judged = files(jobs, replace(place, program=program))
    systemd.verify({path.name: text for path, text in judged.items() if path != SYSUSERS})


def plan_install(jobs: Sequence[Job], place: Place, root: Path | None = None) -> SchedulePlan:
    """
    Look what is there of the fleet's schedule; nothing is changed.

    Raises:
        InputError: a file of the same name is somebody else's.
        MissingRequirement: systemd does not run here.
    """
    if root is None:
        systemd.check_running()
    now, wanted = _ours(place.fleet, root), files(jobs, place)
    idle = tuple(path.name for path in wanted if path.suffix == ".timer" and not _is_on(path.name, root))
    changes = differences(now, wanted)
    on = [
        Difference(Operation.CREATE, f"timer {name}", new="enabled" if root else "enabled and started") for name in idle
    ]
    gone = tuple(path for path in now if path not in wanted)
    return SchedulePlan((*changes, *on), wanted, gone, idle, root)


def plan_remove(fleet: str, root: Path | None = None) -> SchedulePlan:
    """
    Look what :func:`install` left of a fleet; the account's file goes with the last fleet.

    Raises:
        InputError: a file of the same name is somebody else's.
        MissingRequirement: systemd does not run here.
    """
    if root is None:
        systemd.check_running()
    now = _ours(fleet, root)
    if _others(fleet, root):
        now.pop(SYSUSERS, None)
    return SchedulePlan(differences(now, {}), {}, tuple(now), (), root)


def carry_out(plan: SchedulePlan) -> None:
    """
    Do what a plan says; again, it changes nothing.

    Raises:
        KoprogoError: a file could not be written, or systemd refused.
    """
    root = plan.root
    if stopped := [path.name for path in plan.gone if path.suffix == ".timer"]:
        systemd.forget(stopped, root)
    remove_files(inside(root, path) for path in plan.gone)
    now = read_files(inside(root, path) for path in plan.wanted)
    changed = [path.name for path, text in plan.wanted.items() if now.get(inside(root, path)) != text]
    write_files({inside(root, path): text for path, text in plan.wanted.items()})
    if root is None:
        if plan.wanted:
            systemd.make_account(SYSUSERS)
        systemd.take_in()
    timers = [path.name for path in plan.wanted if path.suffix == ".timer"]
    if begun := [name for name in timers if name in plan.idle or name in changed]:
        systemd.enable(begun, root)


def _ours(fleet: str, root: Path | None) -> dict[Path, str]:
    units = [SYSTEM_UNITS / unit_name(fleet, job.name, kind) for job in JOBS for kind in ("service", "timer")]
    paths = {inside(root, path): path for path in (SYSUSERS, *units)}
    found = {paths[there]: text for there, text in read_files(paths).items()}
    for path, text in found.items():
        if text.partition("\n")[0] != (MARK if path == SYSUSERS else mark_of(fleet)):
            raise InputError(
                f"{inside(root, path)} was not written by koprogo-fleet schedule install for this fleet",
                next_step="move it away if it is not needed, then run the same again",
            )
    return found


def _others(fleet: str, root: Path | None) -> bool:
    """Return whether another fleet's units are there, which need the same account."""
    units = read_files(inside(root, SYSTEM_UNITS).glob("koprogo-fleet-*.timer")).values()
    heads = {text.partition("\n")[0] for text in units}
    return any(head.startswith(f"{MARK} for the fleet ") and head != mark_of(fleet) for head in heads)


def _is_on(timer: str, root: Path | None) -> bool:
    return inside(root, WANTS / timer).is_symlink() and (root is not None or systemd.is_in_force(timer))
