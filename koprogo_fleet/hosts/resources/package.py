"""Debian packages."""

from __future__ import annotations

import re
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Unchanged
from koprogo_fleet.hosts.resources._apt import LOCK_SECONDS, with_apt

_INSTALL = """\
if [ -n "$(dpkg --audit)" ]; then patiently dpkg --configure -a || fail; fi
apt install PACKAGES && exit 0
grep -qE 'Unable to locate|no installation candidate|is not available|Failed to fetch|404 ' "$log" || fail
apt update || fail
apt install PACKAGES || fail
"""


@dataclass(frozen=True)
class Packages:
    """
    These Debian packages are installed, in whatever version apt has; without the packages they merely recommend.

    The package lists are fetched only where a package cannot be had without.

    Attributes:
        names: the packages.
        lock_seconds: how long another user of apt (cloud-init, unattended-upgrades) is waited for; the error then
            names its process and command.

    Raises:
        InputError: a name that no Debian package can have.
    """

    names: tuple[str, ...]
    lock_seconds: int = LOCK_SECONDS

    def __post_init__(self) -> None:
        if bad := [name for name in self.names if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name)]:
            raise InputError(f"not the name of a Debian package: {', '.join(map(repr, bad))}")

    @property
    def name(self) -> str:
        """The word packages and their names."""
        return f"packages {' '.join(self.names)}"

    def look(self) -> str:
        """Ask dpkg for the state of each."""
        return (
            f"dpkg-query --show --showformat='${{Package}} ${{db:Status-Status}}\\n' {' '.join(self.names)} 2>/dev/null"
        )

    def decide(self, fact: Fact) -> Decision:
        """Install what is not installed, by one call of apt."""
        states = dict(line.split(" ", 1) for line in fact.text.splitlines() if " " in line)
        missing = [name for name in self.names if states.get(name) != "installed"]
        if not missing:
            return Unchanged()
        differences = tuple(_difference(name, states.get(name, "not-installed")) for name in missing)
        return Change(differences, with_apt(_INSTALL.replace("PACKAGES", " ".join(missing)), self.lock_seconds))


def _difference(name: str, state: str) -> Difference:
    if state in {"not-installed", "config-files"}:
        return Difference(Operation.CREATE, f"package {name}")
    return Difference(Operation.CHANGE, f"package {name}", old=state, new="installed")
