"""The hosts of a case, whatever they are: what the harness needs of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.work import Access, Target

LOGIN = "Accepted publickey"
COMMAND = "Starting session:"
"""What sshd logs, at LogLevel VERBOSE, for each login, and for each command and each SFTP session."""


@dataclass(frozen=True)
class Served:
    """How many logins and commands the hosts have served; the harness's own are not counted."""

    logins: int
    commands: int

    def since(self, before: Served) -> Served:
        """Return the difference."""
        return Served(self.logins - before.logins, self.commands - before.commands)


class Bed(Protocol):
    """Hosts that are up, and a way to them that is not measured."""

    @property
    def targets(self) -> tuple[Target, ...]:
        """The hosts."""

    @property
    def access(self) -> Access:
        """How to log in to them."""

    @property
    def sshd_config(self) -> str:
        """Their sshd_config as it was when they were new; empty if it is not theirs."""

    def run(self, scripts: Mapping[str, str]) -> Mapping[str, str]:
        """Run a script on each host that is named, as root, and return what it printed."""

    def served(self) -> Served:
        """Count since the beginning."""


def write_access(directory: Path, private_key: Path, targets: tuple[Target, ...]) -> Access:
    """Write known_hosts: each host by its name (ours), and by its address and port (OpenSSH's form)."""
    lines = [f"{target.name},{_place(target)} {target.host_key}\n" for target in targets]
    known_hosts = directory / "known_hosts"
    known_hosts.write_text("".join(lines), encoding="ascii")
    return Access(str(private_key), str(known_hosts))


def _place(target: Target) -> str:
    return target.address if target.port == 22 else f"[{target.address}]:{target.port}"  # noqa: PLR2004 - SSH's own
