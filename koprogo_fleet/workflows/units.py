"""What all our systemd units share: how words are quoted, which program they start, and how their files come and go."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from koprogo_fleet.core.diff import Difference, Operation, text_diff
from koprogo_fleet.core.errors import MissingRequirement
from koprogo_fleet.core.files import sync_directory, write_atomically

SYSTEM_UNITS = Path("/etc/systemd/system")

_PLAIN = re.compile(r"[\w@+=:,./-]+")


def unit_word(text: str) -> str:
    """Quote one word of a command line, or an assignment, for systemd."""
    escaped = text.replace("%", "%%")
    if _PLAIN.fullmatch(escaped):
        return escaped
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$") + '"'


def path_word(path: Path) -> str:
    """Quote one path in a list of paths for systemd, which knows no variables there."""
    return unit_word(str(path)).replace("$$", "$")


def installed_program() -> Path:
    """
    Return where this program is installed.

    Raises:
        MissingRequirement: not where anybody would find it.
    """
    places = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    program = shutil.which("koprogo-fleet", path=places)
    if program is None:
        raise MissingRequirement("a unit could not start this program: it is not on the PATH")
    return Path(program).absolute()


def read_files(paths: Iterable[Path]) -> dict[Path, str]:
    """
    Return the texts of those *paths* that exist.

    Raises:
        MissingRequirement: one cannot be read.
    """
    found = {}
    for path in paths:
        try:
            found[path] = path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise MissingRequirement(f"cannot read {path}: {error.strerror}", next_step=f"ls -l {path}") from error
    return found


def differences(now: Mapping[Path, str], wanted: Mapping[Path, str]) -> tuple[Difference, ...]:
    """Return what makes the files *now* the *wanted* ones: first what goes, then what comes or changes."""
    gone = [Difference(Operation.DELETE, f"file {path}") for path in now if path not in wanted]
    made = [
        Difference(
            Operation.CHANGE if path in now else Operation.CREATE,
            f"file {path}",
            detail=text_diff(now.get(path, ""), text, str(path)),
        )
        for path, text in wanted.items()
        if now.get(path) != text
    ]
    return (*gone, *made)


def write_files(wanted: Mapping[Path, str]) -> tuple[Path, ...]:
    """
    Write the files; return their paths.

    Raises:
        MissingRequirement: one cannot be written.
    """
    for path, text in wanted.items():
        write_atomically(path, text)
    return tuple(wanted)


def remove_files(paths: Iterable[Path]) -> None:
    """
    Remove the files, and keep their removal through a power cut.

    Raises:
        MissingRequirement: one cannot be removed.
    """
    for path in paths:
        try:
            path.unlink(missing_ok=True)
            sync_directory(path.parent)
        except OSError as error:
            raise MissingRequirement(
                f"cannot remove {path}: {error.strerror}", next_step="run the same as root"
            ) from error
