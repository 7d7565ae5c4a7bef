"""What users and groups have in common: their names."""

from __future__ import annotations

import re

from koprogo_fleet.core.errors import InputError

UNKNOWN = 2
"""The exit status of ``getent`` for a name that does not exist."""


def check_account(kind: str, name: str) -> None:
    """Raise InputError unless Debian's ``useradd`` would take *name*."""
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", name):
        raise InputError(f"not the name of a {kind}: {name!r}")
