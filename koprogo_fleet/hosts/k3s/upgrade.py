"""
The plan of an upgrade: which nodes get another release of K3s, in which order, and why it may not be done.

The rules are Kubernetes' version skew policy and K3s' own "Manual Upgrades": servers before agents, no minor skipped, no
downgrade, no kubelet newer than an API server or more than three minors older. Nothing enforces them later: neither K3s nor
Kubernetes refuses to start.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from koprogo_fleet.core.fleet import Role
from koprogo_fleet.hosts.k3s.release import Release

KUBELET_MAY_BE_OLDER = 3
"""Minors, since Kubernetes 1.28; two where the kubelet is older than 1.25."""
LAST_WITH_LESS = 24


@dataclass(frozen=True)
class NodeState:
    """
    One node, as observed.

    Attributes:
        installed: the binary on its disk; None where that cannot be told.
        running: what its kubelet told the cluster last; None where the cluster does not know the node.
        kept: what it can go back to.
        marked: an upgrade has cordoned it, and not uncordoned it again.
    """

    name: str
    role: Role
    installed: Release | None
    running: Release | None
    kept: Release | None = None
    marked: bool = False

    @property
    def begun(self) -> bool:
        """Whether its binary was changed and what runs is still another one, or nobody knows."""
        return self.installed is not None and self.installed != self.running

    def at(self, wanted: Release) -> bool:
        """Whether there is nothing to do."""
        return self.installed == self.running == wanted


@dataclass(frozen=True)
class UpgradePlan:
    """
    What an upgrade does.

    Attributes:
        servers: one by one, in this order.
        agents: after them, in this order.
        left_cordoned: those that have the release already, and are still cordoned by a run that was interrupted.
    """

    wanted: Release
    servers: tuple[NodeState, ...]
    agents: tuple[NodeState, ...]
    left_cordoned: tuple[str, ...]

    @property
    def nodes(self) -> tuple[NodeState, ...]:
        """All that get the release, in order."""
        return self.servers + self.agents

    @property
    def empty(self) -> bool:
        """Whether everything is as desired."""
        return not (self.nodes or self.left_cordoned)


def plan(wanted: Release, nodes: Sequence[NodeState], leader: str | None = None) -> UpgradePlan:
    """
    Return what is to be done to have *wanted* on all *nodes*; :func:`problems` says whether it may be.

    What was begun goes first, so that it is whole before anything else is touched; *leader*, etcd's, goes last of the
    servers, so that etcd elects once and not at each.
    """
    left = [node for node in nodes if not node.at(wanted)]
    servers = [node for node in left if node.role is Role.SERVER]
    agents = [node for node in left if node.role is Role.AGENT]
    return UpgradePlan(
        wanted,
        tuple(sorted(servers, key=lambda node: (not node.begun, node.name == leader))),
        tuple(sorted(agents, key=lambda node: not node.begun)),
        tuple(node.name for node in nodes if node.marked and node.at(wanted)),
    )


def problems(wanted: Release, nodes: Sequence[NodeState]) -> tuple[str, ...]:
    """Return why *nodes* must not be brought to *wanted*, each as one sentence; nothing if they may be."""
    return tuple(problem for node in nodes for problem in _problems_of(wanted, node))


def _problems_of(wanted: Release, node: NodeState) -> Iterator[str]:
    if node.installed is None:
        yield f"{node.name}: which release it has cannot be told"
        return
    now = node.running or node.installed
    newest = max(now, node.installed)
    if newest > wanted:
        yield f"{node.name} has {newest}, which is newer than {wanted}: K3s cannot be downgraded"
    elif now.major != wanted.major:
        yield f"{node.name} has {now}: {wanted.series} is another major version"
    elif node.role is Role.SERVER and wanted.minor - now.minor > 1:
        yield f"{node.name} has {now}: {wanted} skips {_skipped(now, wanted)}; servers take one minor at a time"
    elif wanted.minor - now.minor > _may_be_older(now):
        yield (
            f"{node.name} has {now}: its kubelet would be {wanted.minor - now.minor} minors older than servers of "
            f"{wanted.series}, and may be {_may_be_older(now)}: bring the agents nearer first"
        )


def _skipped(now: Release, wanted: Release) -> str:
    return ", ".join(f"v{now.major}.{minor}" for minor in range(now.minor + 1, wanted.minor))


def _may_be_older(kubelet: Release) -> int:
    return KUBELET_MAY_BE_OLDER - 1 if kubelet.minor <= LAST_WITH_LESS else KUBELET_MAY_BE_OLDER


def joins_with(wanted: Release, found: Sequence[Release]) -> Release:
    """
    Return the release with which a node joins a cluster whose nodes have *found*: the one that they run.

    A new node must neither be the first of a new release nor, as an agent, newer than a server: the version of a cluster
    changes by an upgrade alone. *wanted* is for a cluster that does not exist yet.
    """
    return min(found, default=wanted)
