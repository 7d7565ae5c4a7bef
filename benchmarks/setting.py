"""A resource of one's own: one keyword of sshd_config."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from benchmarks.work import SSHD_CONFIG, commented
from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Unchanged


@dataclass(frozen=True)
class SshdSetting:
    """*keyword* has *value*, in the place of its commented default."""

    keyword: str
    value: str

    @property
    def name(self) -> str:
        """The keyword."""
        return f"sshd setting {self.keyword}"

    def look(self) -> str:
        """Print the line."""
        return f"grep -E -- {shlex.quote(commented(self.keyword))} {SSHD_CONFIG}"

    def decide(self, fact: Fact) -> Decision:
        """Compare the line."""
        wanted = f"{self.keyword} {self.value}"
        now = fact.text.strip()
        if now == wanted:
            return Unchanged()
        edit = shlex.quote(f"s/{commented(self.keyword)}/{wanted}/")
        return Change(
            (Difference(Operation.CHANGE, self.name, old=now, new=wanted),), f"sed -E -i {edit} {SSHD_CONFIG}"
        )
