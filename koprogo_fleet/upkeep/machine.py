"""What the machine that runs us must have."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True)
class Check:
    """One requirement: whether it is met, what was seen, and what to do where it is not."""

    what: str
    met: bool
    seen: str
    mend: str = ""


def private_files(directory: Path) -> Iterator[Check]:
    """
    Yield whether nobody but their owner may read a fleet's private files; links are not followed.

    Nothing is yielded for a fleet that has none on this machine yet.
    """
    if not directory.is_dir():
        return
    paths = [directory, *sorted(path for path in directory.rglob("*") if not path.is_symlink())]
    open_ones = [path for path in paths if path.stat().st_mode & OTHERS and _counts(path, directory)]
    for path in open_ones:
        mode = stat.S_IMODE(path.stat().st_mode)
        mend = f"chmod {'700' if path.is_dir() else '600'} {path}"
        yield Check("private files", met=False, seen=f"{path} has the permissions {mode:04o}", mend=mend)
    if not open_ones:
        yield Check("private files", met=True, seen=f"{directory}: {len(paths) - 1} files for their owner alone")


def _counts(path: Path, directory: Path) -> bool:
    """Say whether a path's permissions matter: below a closed folder nobody gets to it, but files may be copied."""
    return path == directory or path.is_file()
