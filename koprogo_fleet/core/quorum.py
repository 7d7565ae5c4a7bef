"""When etcd keeps its quorum: the rule, over what was seen of its members."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EtcdHealth:
    """
    The cluster as it is now, by the hosts' inventory names.

    A member that is neither healthy nor down is in doubt: a learner, one that has lost its peers, one that nobody
    could ask.

    Attributes:
        members: all voting members that etcd knows, whatever their state; empty only where no cluster exists yet.
        healthy: those that were asked, serve, and will go on doing so by themselves.
        down: those that were asked, and on whose host no etcd answers.
    """

    members: frozenset[str]
    healthy: frozenset[str]
    down: frozenset[str] = frozenset()

    def __str__(self) -> str:
        missing = ", ".join(sorted(self.members - self.healthy))
        return f"{len(self.members & self.healthy)} of {len(self.members)} members are healthy" + (
            f", not: {missing}" if missing else ""
        )


def quorum(members: int) -> int:
    """Return how many members of *members* must be up for etcd to accept a write."""
    return members // 2 + 1


def survives(health: EtcdHealth, host: str) -> bool:
    """
    Return whether etcd keeps (or does not have) its quorum when the member on *host* goes down.

    A host that is no member, or whose member is down, costs nothing: mending it must be possible. One that is in doubt
    may be up. A cluster of one member stands still while that one is down, whatever one does; as there is no other
    way, it may be taken down.
    """
    if host not in health.members or host in health.down or len(health.members) == 1:
        return True
    return len((health.members & health.healthy) - {host}) >= quorum(len(health.members))
