"""K3s as a systemd service that is never waited for blindly."""

from __future__ import annotations

from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Refused, Unchanged

RESTART = "restart k3s"


def restart_script(unit: str) -> str:
    """
    Return the handler's script.

    ``--no-block``: the unit is of type notify without a start timeout, so ``systemctl restart`` would wait for ever
    for a node that cannot join. Whoever runs this waits with a deadline, reading the journal.
    """
    return f"systemctl daemon-reload && systemctl reset-failed {unit} 2>/dev/null; systemctl restart --no-block {unit}"


@dataclass(frozen=True)
class K3sService:
    """The unit is enabled and running, or on its way."""

    unit: str

    @property
    def name(self) -> str:
        """Name the resource as people do."""
        return f"service {self.unit}"

    def look(self) -> str:
        """Print the unit's states, and what is going on with etcd's data."""
        shown = f"systemctl show {self.unit}.service --property=ActiveState,UnitFileState"
        return f'{shown}; [ ! -e {paths.RESTORE_MARK} ] || echo "Restore=$(head -n 1 {paths.RESTORE_MARK})"'

    def decide(self, fact: Fact) -> Decision:
        """Ask for one restart, by the handler, when the service is not running; none with data that a restore replaces."""
        states = dict(line.split("=", 1) for line in fact.text.splitlines() if "=" in line)
        if going_on := states.get("Restore"):
            kind, server, *_ = going_on.split(" ")[0].split(":")
            return Refused(
                f"a {kind} of etcd from {server} was begun and has not ended: K3s must not start with the old data",
                f"go on with it: koprogo-fleet etcd {kind}, as it was begun (koprogo-fleet runs list)",
            )
        active, enabled = states.get("ActiveState", ""), states.get("UnitFileState", "")
        differences = []
        if active != "active":
            differences.append(Difference(Operation.CHANGE, self.name, active or "unknown", "active"))
        if enabled != "enabled":
            differences.append(Difference(Operation.CHANGE, f"{self.name} at boot", enabled or "unknown", "enabled"))
        if not differences:
            return Unchanged()
        notify = (RESTART,) if active != "active" else ()
        return Change(tuple(differences), f"systemctl enable {self.unit}", notify)
