"""A systemd unit that nobody starts, not even a package that brings it later."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.hosts.questions import Question, UnitProperties
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Refused, Unchanged

_PROPERTIES = "LoadState,ActiveState"


@dataclass(frozen=True)
class Masked:
    """The systemd unit *unit* (a service if it has no suffix) is masked and does not run, whether it is installed or not."""

    unit: str

    @property
    def name(self) -> str:
        """The words and its name."""
        return f"masked unit {self.unit}"

    def look(self) -> str:
        """Ask systemd."""
        return UnitProperties(self.unit, _PROPERTIES).sh()

    def questions(self) -> Iterable[Question]:
        """Ask the same."""
        return (UnitProperties(self.unit, _PROPERTIES),)

    def decide(self, fact: Fact) -> Decision:
        """Mask it, and stop it."""
        facts = dict(line.split("=", 1) for line in fact.text.splitlines() if "=" in line)
        if "ActiveState" not in facts:
            return Refused(f"systemd does not answer on this node (exit status {fact.exit_status})")
        masked, running = facts["LoadState"] == "masked", facts["ActiveState"] == "active"
        if masked and not running:
            return Unchanged()
        old = "running" if running else {"not-found": "not installed"}.get(facts["LoadState"], "not running")
        unit = shlex.quote(self.unit)
        script = f"systemctl --quiet mask -- {unit} 2>/dev/null\nsystemctl stop -- {unit}"
        return Change((Difference(Operation.CHANGE, f"unit {self.unit}", old=old, new="masked"),), script)
