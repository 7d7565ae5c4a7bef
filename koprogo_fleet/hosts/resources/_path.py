"""What files and directories have in common: paths, permissions and owners."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.hosts.questions import PathStatus

ABSENT = 3
"""The exit status of :func:`look_at` where there is nothing."""


@dataclass(frozen=True)
class Status:
    """What ``stat`` told."""

    kind: str
    mode: str
    owner: str
    owner_id: str
    group: str
    group_id: str


def check_path(path: str) -> None:
    """Raise InputError unless *path* is absolute and plain, and not the root itself."""
    if not path.startswith("/") or path == "/" or str(PurePosixPath(path)) != path or ".." in path.split("/"):
        raise InputError(f"not an absolute, plain path: {path!r}")
    if "\n" in path or "\0" in path:
        raise InputError(f"a path cannot hold a new line or a NUL: {path!r}")


def check_mode(mode: str) -> None:
    """Raise InputError unless *mode* is octal: a Python or YAML integer would be another one than was written."""
    if not re.fullmatch(r"[0-7]{3,4}", mode):
        raise InputError(f"not octal permissions, as in '0644': {mode!r}")


def look_at(path: str) -> str:
    """Return sh that prints the line for :func:`parse_status`, or exits with :data:`ABSENT`."""
    return PathStatus(path).sh(otherwise=f"exit {ABSENT}")


def look_at_file(path: str) -> str:
    """Return sh that prints the line, and goes on only where there is a regular file."""
    quoted = shlex.quote(path)
    return f"{look_at(path)}\n[ -f {quoted} ] && [ ! -L {quoted} ] || exit 0"


def parse_status(line: str) -> Status:
    """Read a line of :func:`look_at`."""
    kind, mode, owner, owner_id, group, group_id = line.split("|")
    return Status(kind, mode, owner, owner_id, group, group_id)


def ownership_differences(name: str, now: Status, mode: str, owner: str, group: str) -> tuple[Difference, ...]:
    """Return how the permissions and owners differ; an owner may be given by name or by number."""
    differences = []
    if int(now.mode, 8) != int(mode, 8):
        differences.append(Difference(Operation.CHANGE, f"mode of {name}", old=f"{now.mode:0>4}", new=f"{mode:0>4}"))
    if owner not in {now.owner, now.owner_id} or group not in {now.group, now.group_id}:
        differences.append(
            Difference(Operation.CHANGE, f"owner of {name}", old=f"{now.owner}:{now.group}", new=f"{owner}:{group}")
        )
    return tuple(differences)
