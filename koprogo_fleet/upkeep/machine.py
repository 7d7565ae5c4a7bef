"""What the machine that runs us must have."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

OTHERS = stat.S_IRWXG | stat.S_IRWXO
CACHE = ".cache"
"""The ending of a folder in which kubectl keeps what it has learnt of a cluster: nothing secret."""


@dataclass(frozen=True)
class Check:
    """One requirement: whether it is met, what was seen, and what to do where it is not."""

    what: str
    met: bool
    seen: str
    mend: str = ""


def private_files(paths: Iterable[Path]) -> tuple[Check, ...]:
    """Return whether nobody but their owner may read these files; folders stand for all that is in them."""
    files = [file for path in paths for file in _files(path)]
    open_ones = [(file, mode) for file in files if (mode := stat.S_IMODE(file.stat().st_mode)) & OTHERS]
    if not open_ones:
        return (Check("private files", met=True, seen=f"{len(files)} files, for their owner alone"),)
    return tuple(
        Check("private files", met=False, seen=f"{file} has the permissions {mode:04o}", mend=f"chmod 600 {file}")
        for file, mode in open_ones
    )


def _files(path: Path) -> list[Path]:
    found = path.rglob("*") if path.is_dir() else [path]
    return sorted(
        file for file in found if file.is_file() and not file.is_symlink() and not _is_cached(file.relative_to(path))
    )


def _is_cached(file: Path) -> bool:
    return any(folder.name.endswith(CACHE) for folder in file.parents)
