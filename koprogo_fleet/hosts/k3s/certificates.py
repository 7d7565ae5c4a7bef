"""
K3s' leaf certificates on a node: when they end, and how they are made anew.

Sources: docs.k3s.io, "certificate"; K3s' pkg/cli/cert/cert.go. The text form of ``k3s certificate check`` is the one that all
versions print; the authorities, which are not rotated with the leafs, are in it too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from koprogo_fleet.hosts.k3s import paths

CHECK = f"{paths.BINARY} certificate check --output text </dev/null 2>&1"
_LINE = re.compile(
    r"(?P<file>[^\s\"]+\.crt): certificate (?P<subject>.+?)(?: \((?P<usages>[A-Za-z,]*)\))? "
    r"(?:is ok, expires at|will expire within \d+ days at|expired at) (?P<end>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"
)
_AUTHORITY = re.compile(r"-ca@\d+$")


@dataclass(frozen=True)
class Leaf:
    """One certificate: the name of its file, who it is for, and when it ends."""

    file: str
    subject: str
    end: datetime

    def days_left(self, now: datetime) -> int:
        """Return the whole days from *now* to its end; negative once it has ended."""
        return (self.end - now).days


def parse(output: str) -> tuple[Leaf, ...]:
    """Return the leaf certificates that ``k3s certificate check`` tells of, those that end first before the others."""
    found = []
    for match in _LINE.finditer(output):
        if "CertSign" in (match["usages"] or "").split(",") or _AUTHORITY.search(match["subject"]):
            continue
        end = datetime.strptime(match["end"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        found.append(Leaf(match["file"].rpartition("/")[2], match["subject"], end))
    return tuple(sorted(found, key=lambda leaf: (leaf.end, leaf.file)))


def earliest(leafs: Sequence[Leaf]) -> datetime | None:
    """Return when the first of them ends."""
    return min((leaf.end for leaf in leafs), default=None)


def rotate_script(unit: str) -> str:
    """
    Return sh that has a node's leafs made anew: K3s must not run while its old ones are taken away.

    K3s is started again whatever happens in between, and is not waited for.
    """
    return (
        f"set -eu\ntrap 'systemctl start --no-block {unit}' EXIT\n"
        f"timeout 120 systemctl stop {unit}\n{paths.BINARY} certificate rotate </dev/null\n"
    )
