"""The name of the node."""

from __future__ import annotations

from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.fleet import DnsLabel
from koprogo_fleet.hosts.resource import Change, Decision, Fact, Unchanged


@dataclass(frozen=True)
class Hostname:
    """The node is called *hostname*, now and after a reboot."""

    hostname: DnsLabel

    @property
    def name(self) -> str:
        """What it is."""
        return "hostname"

    def look(self) -> str:
        """Print the kernel's name and the one for the next boot."""
        return 'read -r now </proc/sys/kernel/hostname; read -r later </etc/hostname; echo "${now-}|${later-}"'

    def decide(self, fact: Fact) -> Decision:
        """Set both."""
        now, _, later = fact.text.strip().partition("|")
        if now == later == self.hostname:
            return Unchanged()
        old = now if now == later else f"{now} (after a reboot: {later})"
        script = f"printf '%s\\n' {self.hostname} >/etc/.hostname.koprogo-tmp\n"
        script += "sync -- /etc/.hostname.koprogo-tmp\nmv -fT -- /etc/.hostname.koprogo-tmp /etc/hostname\n"
        script += f"hostname {self.hostname}"
        return Change((Difference(Operation.CHANGE, self.name, old=old, new=self.hostname),), script)
