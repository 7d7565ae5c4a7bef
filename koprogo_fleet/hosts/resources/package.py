"""Debian packages."""

from __future__ import annotations

import re
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Unchanged

LOCK_SECONDS = 240
"""How long we wait for another user of apt (cloud-init, unattended-upgrades)."""

_APT = """\
export DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1
log=$(mktemp /run/koprogo-apt.XXXXXXXX)
trap 'rm -f -- "$log"' EXIT
apt() {
  waited=0
  until apt-get --quiet=2 --assume-yes --no-install-recommends --option Acquire::Retries=3 \\
    --option Acquire::http::Timeout=30 --option Dpkg::Use-Pty=0 \\
    --option Dpkg::Options::=--force-confdef --option Dpkg::Options::=--force-confold "$@" >"$log" 2>&1
  do
    if ! grep -q 'Could not get lock' "$log" || [ "$waited" -ge LOCK_SECONDS ]; then return 100; fi
    sleep 2; waited=$((waited + 2))
  done
}
fail() { tail -n 20 "$log" >&2; exit 100; }
if [ -n "$(dpkg --audit)" ]; then dpkg --configure -a >"$log" 2>&1 || fail; fi
apt install PACKAGES && exit 0
grep -qE 'Unable to locate|no installation candidate|is not available|Failed to fetch|404 ' "$log" || fail
apt update || fail
apt install PACKAGES || fail
"""


@dataclass(frozen=True)
class Packages:
    """
    These Debian packages are installed, in whatever version apt has; without the packages they merely recommend.

    The package lists are fetched only where a package cannot be had without. Another user of apt is waited for, up to
    :data:`LOCK_SECONDS`; the error then names the process.

    Raises:
        InputError: a name that no Debian package can have.
    """

    names: tuple[str, ...]

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
        script = _APT.replace("PACKAGES", " ".join(missing)).replace("LOCK_SECONDS", str(LOCK_SECONDS))
        return Change(differences, script)


def _difference(name: str, state: str) -> Difference:
    if state in {"not-installed", "config-files"}:
        return Difference(Operation.CREATE, f"package {name}")
    return Difference(Operation.CHANGE, f"package {name}", old=state, new="installed")
