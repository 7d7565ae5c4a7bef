"""A systemd service, running or not, enabled or not."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.hosts.questions import Question, UnitProperties
from koprogo_fleet.hosts.resource import Change, Decision, Fact, NotApplicable, Once, Refused, Unchanged

_PROPERTIES = (
    "LoadState,ActiveState,SubState,UnitFileState,Result,NeedDaemonReload,ConditionResult,ConditionTimestampMonotonic"
)
# `systemctl enable` would have systemd read all of its units again, which takes longer than everything else in a run.
# Only symbolic links changed: unless one is for another unit than a target (whose wishes count at boot), or systemd
# holds on to what it knew of these units, there is nothing that it has to read.
_ENABLE = """\
enable() {
links=$(systemctl --no-reload enable -- "$@" 2>&1) || { printf '%s\\n' "$links" >&2; return 1; }
if printf '%s\\n' "$links" | grep -qv '\\.target\\.wants/' ||
systemctl show --property=UnitFileState,NeedDaemonReload -- "$@" | grep -qE '=(disabled|yes)$'; then
systemctl daemon-reload
fi
}
enable"""
_START = """\
start() {
if systemctl show --property=NeedDaemonReload -- "$@" | grep -q '=yes$'; then systemctl daemon-reload; fi
systemctl start -- "$@" && return
status=$?
for unit in "$@"; do
systemctl --quiet is-active -- "$unit" || journalctl --unit="$unit" --lines=15 --no-pager --output=cat >&2
done
return $status
}
start"""
_STARTED_OTHERWISE = {"static", "alias", "generated", "indirect", "transient"}
"""Unit file states for which there is nothing to enable."""


@dataclass(frozen=True)
class Service:
    """
    The systemd unit *unit* (a service if it has no suffix) is *running* and *enabled*, or is not.

    A unit that is masked, failed or restarting in a loop is named as such, and mended. A unit that does not exist yet
    is expected to come into being before this step (its package or file stands earlier in the list).
    """

    unit: str
    running: bool = True
    enabled: bool = True

    @property
    def name(self) -> str:
        """The word service and its name."""
        return f"service {self.unit}"

    def look(self) -> str:
        """Ask systemd."""
        return UnitProperties(self.unit, _PROPERTIES).sh()

    def questions(self) -> Iterable[Question]:
        """Ask the same."""
        return (UnitProperties(self.unit, _PROPERTIES),)

    def decide(self, fact: Fact) -> Decision:
        """Compare whether it runs, then whether it will after a reboot."""
        facts = _facts(fact)
        if "ActiveState" not in facts:
            return Refused(f"systemd does not answer on this node (exit status {fact.exit_status})")
        differences = []
        if (facts["ActiveState"] == "active") is not self.running:
            wanted = "running" if self.running else "stopped"
            differences.append(Difference(Operation.CHANGE, self.name, old=_state(facts), new=wanted))
        if not self._starts_as_desired(facts):
            wanted = "enabled" if self.enabled else "disabled"
            now = facts["UnitFileState"] or "not installed"
            differences.append(Difference(Operation.CHANGE, f"start of {self.name} at boot", old=now, new=wanted))
        if not differences:
            return Unchanged()
        if self.running and self._starts_as_desired(facts) and _is_kept_from_starting(facts):
            return NotApplicable(f"a condition in its unit file is not met on this node: systemctl status {self.unit}")
        enable = self.enabled and not self._starts_as_desired(facts)
        once = (Once("systemctl enable", _ENABLE, self.unit),) if enable else ()
        together = Once("start", _START, self.unit) if self._only_starts(facts) else None
        return Change(tuple(differences), self._script(facts), once=once, together=together)

    def restart(self, fact: Fact) -> str:
        """Return sh that brings it into the desired state after its file was written, by a new start if it is to run."""
        facts, unit = _facts(fact), shlex.quote(self.unit)
        lines = []
        if facts["LoadState"] == "masked" and (self.running or self.enabled):
            lines.append(f"systemctl --quiet --no-reload unmask -- {unit}")
        if not self._starts_as_desired(facts):
            lines.append(f"systemctl --quiet --no-reload {'enable' if self.enabled else 'disable'} -- {unit}")
        lines.append("systemctl daemon-reload")
        if not self.running:
            return "\n".join([*lines, f"systemctl stop -- {unit}"])
        return "\n".join([*lines, self._forget_failures(), self._try("restart")])

    def _starts_as_desired(self, facts: dict[str, str]) -> bool:
        now = facts["UnitFileState"]
        if self.enabled:
            return now == "enabled" or now in _STARTED_OTHERWISE
        return now not in {"enabled", "enabled-runtime"}

    def _only_starts(self, facts: dict[str, str]) -> bool:
        """Say whether its change is a plain start, which systemd does for many units at a time."""
        at_rest = (facts["LoadState"], facts["ActiveState"], facts["Result"]) == ("loaded", "inactive", "success")
        return self.running and self.enabled and at_rest

    def _script(self, facts: dict[str, str]) -> str:
        unit = shlex.quote(self.unit)
        lines = []
        if facts["LoadState"] == "masked" and (self.running or self.enabled):
            lines.append(f"systemctl --quiet unmask -- {unit}")
        if not self.enabled and not self._starts_as_desired(facts):
            lines.append(f"systemctl --quiet disable -- {unit}")
        if not self.running:
            return "\n".join([*lines, f"systemctl stop -- {unit}"])
        if facts["ActiveState"] == "active":
            return "\n".join(lines)
        # An earlier step (its package, its file) may have written what systemd has not read yet.
        reload = "systemctl daemon-reload"
        if facts["LoadState"] == "loaded":
            reload = f'[ "$(systemctl show --property=NeedDaemonReload --value -- {unit})" = no ] || {reload}'
        lines.append(reload)
        if (facts["ActiveState"], facts["Result"]) != ("inactive", "success"):
            lines.append(self._forget_failures())
        return "\n".join([*lines, self._try("start")])

    def _forget_failures(self) -> str:
        return f"systemctl reset-failed -- {shlex.quote(self.unit)} 2>/dev/null || :"

    def _try(self, verb: Literal["start", "restart"]) -> str:
        unit = shlex.quote(self.unit)
        return f"systemctl {verb} -- {unit} || {{ status=$?; {journal_tail(self.unit)} >&2; exit $status; }}"


def journal_tail(unit: str) -> str:
    """Return sh that prints the last lines of a unit's log: what an error about it should show."""
    return f"journalctl --unit={shlex.quote(unit)} --lines=15 --no-pager --output=cat"


def _facts(fact: Fact) -> dict[str, str]:
    return dict(line.split("=", 1) for line in fact.text.splitlines() if "=" in line)


def _is_kept_from_starting(facts: dict[str, str]) -> bool:
    """Tell whether systemd was asked to start it, and did not because of a Condition…= line: that is no failure."""
    return (
        facts["ActiveState"] == "inactive"
        and facts.get("ConditionResult") == "no"
        and facts.get("ConditionTimestampMonotonic", "0") != "0"
    )


def _state(facts: dict[str, str]) -> str:
    if facts["LoadState"] in {"masked", "not-found", "error", "bad-setting"}:
        return {"not-found": "not installed"}.get(facts["LoadState"], facts["LoadState"])
    if facts["SubState"] == "auto-restart":
        return f"restarting again and again ({facts['Result']})"
    if facts["ActiveState"] == "failed":
        return f"failed ({facts['Result']})"
    return "stopped" if facts["ActiveState"] == "inactive" else facts["ActiveState"]
