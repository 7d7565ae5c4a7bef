"""Another count for pools of fleet.yaml: written there, so that the file stays the one thing that says what should be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from koprogo_fleet.core.diff import text_diff
from koprogo_fleet.core.errors import FileProblems, InputError
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.fleet import Fleet, Role
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.core.wording import did_you_mean
from koprogo_fleet.core.yamledit import with_value

FILE = "fleet.yaml"


@dataclass(frozen=True)
class Scaled:
    """
    What fleet.yaml would say.

    Attributes:
        path: the file; it still says *before*.
        fleet: what *after* means.
    """

    path: Path
    before: str
    after: str
    fleet: Fleet

    @property
    def diff(self) -> str:
        """What changes in the file; empty where it says so already."""
        return text_diff(self.before, self.after, str(self.path))

    def write(self) -> None:
        """
        Write the file, with the permissions that it has.

        Raises:
            InputError: somebody has edited it since it was read.
            MissingRequirement: it cannot be written.
        """
        if read(self.path) != self.before:
            raise InputError(
                f"{self.path} was edited meanwhile: it was not written", next_step="run the same command again"
            )
        write_atomically(self.path, self.after, mode=self.path.stat().st_mode & 0o777)


def counts_of(arguments: Iterable[str]) -> dict[str, int]:
    """
    Read ``worker=5``.

    Raises:
        InputError: an argument is no pool and count, or a pool is named twice.
    """
    counts: dict[str, int] = {}
    for argument in arguments:
        found = re.fullmatch(r"([a-z0-9-]+)=(\d{1,3})", argument)
        if found is None:
            raise InputError(f'"{argument}" is no pool and its count', next_step="koprogo-fleet scale worker=5")
        if found[1] in counts:
            raise InputError(f"the pool {found[1]} is named twice", next_step="give each pool one count")
        counts[found[1]] = int(found[2])
    return counts


def scaled(directory: Path, counts: Mapping[str, int]) -> Scaled:
    """
    Return fleet.yaml with other *counts*; nothing is written.

    Raises:
        InputError: there is no such pool, or it is one of control planes and would become smaller.
        FileProblems: fleet.yaml has mistakes, or would have with these counts: an even number of control planes, say.
    """
    path = directory / FILE
    fleet, before = load_fleet(path), read(path)
    after = before
    for asked, count in counts.items():
        index = _pool(fleet, asked)
        pool = fleet.pools[index]
        if pool.role is Role.SERVER and count < pool.count:
            raise InputError(
                f"the pool {pool.name} has {pool.count} control planes: they do not become {count} like that",
                cause="a control plane is an etcd member, which has to leave etcd before its machine goes",
                next_step="scale pools of agents; control planes may become more: 3 or 5",
            )
        if count != pool.count:
            after = with_value(after, ("pools", index, "count"), count)
    return Scaled(path, before, after, checked(path, after))


def _pool(fleet: Fleet, asked: str) -> int:
    """Find a pool by its name; the plural of one is understood, too: ``workers``."""
    names = [pool.name for pool in fleet.pools]
    for name in (asked, asked.removesuffix("s")):
        if name in names:
            return names.index(name)
    raise InputError(
        f'there is no pool "{asked}"{did_you_mean(asked, names)}', next_step=f"pools in fleet.yaml: {', '.join(names)}"
    )


def checked(path: Path, text: str) -> Fleet:
    """
    Return what a file of this *text* would mean; *path* is the one that its mistakes are told of.

    Raises:
        FileProblems: it has mistakes.
    """
    with TemporaryDirectory() as folder:
        candidate = Path(folder) / FILE
        candidate.write_bytes(text.encode())
        try:
            return load_fleet(candidate)
        except FileProblems as error:
            problems = [replace(problem, file=path) for problem in error.problems]
            raise FileProblems(problems, next_step="choose another count: nothing was written") from error


def read(path: Path) -> str:
    """Return the text of a file, its line ends as they are."""
    return path.read_bytes().decode()
