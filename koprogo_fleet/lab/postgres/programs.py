"""Debian's PostgreSQL: found, or installed without the database that Debian would start with it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from koprogo_fleet.core.errors import MissingRequirement
from koprogo_fleet.core.events import Listener, Note, ignore
from koprogo_fleet.lab.requirements import install_packages

PACKAGE = "postgresql"
INSTALLED = Path("/usr/lib/postgresql")
NO_CLUSTER = Path("/etc/postgresql-common/createcluster.d/koprogo-fleet.conf")
"""Read by Debian's packages when they are installed; there as long as that lasts."""


def programs() -> Path | None:
    """Return the folder with the newest release's ``initdb`` and ``postgres``, or None."""
    return newest(folder for folder in INSTALLED.glob("*/bin") if (folder / "initdb").exists())


def newest(folders: Iterable[Path]) -> Path | None:
    """Return the folder of the highest release: ``…/15/bin`` is newer than ``…/9.6/bin``."""
    return max(folders, key=lambda folder: [int(part) for part in re.findall(r"\d+", folder.parent.name)], default=None)


def ensure_programs(listener: Listener = ignore) -> Path:
    """
    Return the folder of the programs; they are installed first where there are none.

    Raises:
        MissingRequirement: there are none, and there is no apt-get.
        KoprogoError: apt-get failed.
    """
    if (found := programs()) is not None:
        return found
    listener(Note("the lab's database needs PostgreSQL"))
    NO_CLUSTER.parent.mkdir(parents=True, exist_ok=True)
    NO_CLUSTER.write_text("create_main_cluster = false\n")
    try:
        install_packages([PACKAGE], listener)
    finally:
        NO_CLUSTER.unlink()
        with suppress(OSError):  # they are Debian's now
            NO_CLUSTER.parent.rmdir()
    if (found := programs()) is None:
        raise MissingRequirement(
            f"the package {PACKAGE} is installed, but there is no {INSTALLED}/*/bin/initdb",
            cause="this is not Debian's PostgreSQL",
            next_step=f"ls {INSTALLED}",
        )
    return found
