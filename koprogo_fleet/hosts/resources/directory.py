"""Directories that are there, and paths that are not."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.hosts.questions import PathStatus, Question
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Refused, Unchanged
from koprogo_fleet.hosts.resources._path import (
    ABSENT,
    check_mode,
    check_path,
    look_at,
    ownership_differences,
    parse_status,
)
from koprogo_fleet.hosts.resources._write import set_owner


@dataclass(frozen=True)
class Directory:
    """
    A directory with these permissions; what is in it is left alone.

    Raises:
        InputError: the path is not absolute or the mode not octal.
    """

    path: str
    mode: str = "0755"
    owner: str = "root"
    group: str = "root"

    def __post_init__(self) -> None:
        check_path(self.path)
        check_mode(self.mode)

    @property
    def name(self) -> str:
        """The word directory and its path."""
        return f"directory {self.path}"

    def look(self) -> str:
        """Print its status."""
        return look_at(self.path)

    def questions(self) -> Iterable[Question]:
        """Ask for it."""
        return (PathStatus(self.path),)

    def decide(self, fact: Fact) -> Decision:
        """Make it, or set its permissions; something else of that name is not touched."""
        path = shlex.quote(self.path)
        settle = set_owner(path, self.owner, self.group, self.mode)
        if fact.exit_status == ABSENT:
            # 0700 until it belongs to its owner
            make = f'parent=$(dirname -- {path})\nmkdir -p -- "$parent"\nmkdir -m 0700 -- {path}'
            return Change((Difference(Operation.CREATE, self.name),), f"{make}\n{settle}")
        status = parse_status(fact.text.strip())
        if status.kind != "directory":
            return Refused(f"{self.path} is a {status.kind}, not a directory", next_step=f"ls -l {self.path}")
        if differences := ownership_differences(self.name, status, self.mode, self.owner, self.group):
            return Change(differences, settle)
        return Unchanged()


@dataclass(frozen=True)
class Absent:
    """
    Nothing at *path*: a file or link is removed, a directory with all that it holds (but never what is mounted in it).

    Raises:
        InputError: the path is not absolute, or one of the system's own top directories.
    """

    path: str
    notify: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_path(self.path)
        if self.path.count("/") == 1:
            raise InputError(f"refusing to remove {self.path}: a top directory is the system's own")

    @property
    def name(self) -> str:
        """The path."""
        return f"path {self.path}"

    def look(self) -> str:
        """Print its status."""
        return look_at(self.path)

    def questions(self) -> Iterable[Question]:
        """Ask for it."""
        return (PathStatus(self.path),)

    def decide(self, fact: Fact) -> Decision:
        """Remove what is there."""
        if fact.exit_status == ABSENT:
            return Unchanged()
        kind = parse_status(fact.text.strip()).kind
        return Change(
            (Difference(Operation.DELETE, self.name, old=f"a {kind}"),),
            f"rm -rf --one-file-system -- {shlex.quote(self.path)}",
            self.notify,
        )
