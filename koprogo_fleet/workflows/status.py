"""How the cluster is, also when most of its control plane is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nornir.core import Nornir

from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.fleet import Fleet, Node, Role
from koprogo_fleet.hosts.k3s.degraded import Ailment, ailments
from koprogo_fleet.hosts.k3s.health import ServerHealth, explain
from koprogo_fleet.hosts.k3s.report import KnownNode, NodeReport
from koprogo_fleet.runner.outcome import Outcome
from koprogo_fleet.runner.run import run_on
from koprogo_fleet.workflows.nornir import open_nornir
from koprogo_tasks import k3s_report

NOT_THERE = "not in the inventory: koprogo-fleet inventory sync, or koprogo-fleet provision"
SNAPSHOT_HOURS = 6.0
"""How old etcd's newest snapshot may be, where fleet.yaml does not say."""


@dataclass(frozen=True)
class ServerStatus:
    """One server: its health, or why it could not be asked."""

    host: str
    health: ServerHealth | None
    error: str | None


@dataclass(frozen=True)
class NodeStatus:
    """
    One node of fleet.yaml, server or agent.

    Attributes:
        report: what it said; None where it could not be asked, and *error* says why.
        known: what the cluster knows of it; None where that cannot be told.
    """

    host: str
    role: Role
    report: NodeReport | None
    known: KnownNode | None
    error: str | None


@dataclass(frozen=True)
class ClusterStatus:
    """
    All nodes, and one sentence that says what it means.

    Attributes:
        ailments: why no server may be restarted on purpose now; empty where one may.
        alarms: etcd's.
        snapshot: the newest that any server has; empty without one, or where no server could be asked.
        snapshot_hours: its age; None without one.
        rpo_hours: what that may be.
    """

    servers: tuple[ServerStatus, ...]
    nodes: tuple[NodeStatus, ...]
    verdict: str
    ailments: tuple[Ailment, ...]
    alarms: tuple[str, ...]
    snapshot: str
    snapshot_hours: float | None
    rpo_hours: float

    @property
    def healthy(self) -> bool:
        """Whether every server is reachable, and its etcd member and API server are well."""
        return all(
            server.health is not None and server.health.etcd_healthy and server.health.api == "ok"
            for server in self.servers
        )

    @property
    def leader(self) -> str | None:
        """Etcd's leader, where there is one."""
        return next((server.health.leader for server in self.servers if server.health and server.health.leader), None)

    @property
    def snapshot_verdict(self) -> str:
        """What is to be said about the newest snapshot."""
        if self.snapshot_hours is None:
            return f"no etcd snapshot is on any server; the newest may be {self.rpo_hours:g} h old"
        age = f"the newest etcd snapshot, {self.snapshot}, is {self.snapshot_hours:.1f} h old"
        within = "within" if self.snapshot_hours <= self.rpo_hours else "OLDER THAN"
        return f"{age}, {within} the RPO of {self.rpo_hours:g} h"


def k3s_status(fleet: Fleet, directory: Path, listener: Listener) -> ClusterStatus:
    """Ask every node in parallel, once; *directory* holds the fleet's inventory."""
    nornir = open_nornir(directory, max_failures="100%")
    try:
        return status_of(fleet, nornir, listener)
    finally:
        nornir.close_connections()


def status_of(fleet: Fleet, nornir: Nornir, listener: Listener) -> ClusterStatus:
    """
    Ask every node of *fleet* once; *nornir* must let all of them fail.

    Raises:
        InputError: a server is not in the inventory.
    """
    asked = [node.name for node in fleet.nodes if node.role is Role.SERVER or node.name in nornir.inventory.hosts]
    outcomes = run_on(nornir, asked, "Health", k3s_report, listener)
    known = _known(outcomes)
    statuses = tuple(_node_status(node, outcomes.get(node.name), known.get(node.name)) for node in fleet.nodes)
    servers = [node for node in statuses if node.role is Role.SERVER]
    healths = {server.host: server.report.health if server.report else None for server in servers}
    reports = [server.report for server in servers if server.report]
    alarms = tuple(sorted({alarm for report in reports for alarm in report.alarms}))
    ages = [(report.snapshot_hours, report.snapshot) for report in reports if report.snapshot_hours is not None]
    hours, snapshot = min(ages, default=(None, ""))
    return ClusterStatus(
        servers=tuple(ServerStatus(server.host, healths[server.host], server.error) for server in servers),
        nodes=statuses,
        verdict=explain(list(healths.values())),
        ailments=ailments(healths, frozenset(alarms)),
        alarms=alarms,
        snapshot=snapshot,
        snapshot_hours=hours,
        rpo_hours=rpo_hours(fleet),
    )


def rpo_hours(fleet: Fleet) -> float:
    """Return how old etcd's newest snapshot may be: as often as fleet.yaml has them taken."""
    snapshots = getattr(fleet.k3s, "snapshots", None)
    return float(getattr(snapshots, "every_hours", SNAPSHOT_HOURS))


def _node_status(node: Node, outcome: Outcome | None, known: KnownNode | None) -> NodeStatus:
    if outcome is None:
        return NodeStatus(node.name, node.role, None, known, NOT_THERE)
    error = str(outcome.error) if outcome.error else None
    return NodeStatus(node.name, node.role, _report(outcome), known, error)


def _known(outcomes: Mapping[str, Outcome]) -> dict[str, KnownNode]:
    """Return what the first server whose API answers says of all nodes."""
    for outcome in outcomes.values():
        report = _report(outcome)
        if report is not None and report.nodes:
            return {node.name: node for node in report.nodes}
    return {}


def _report(outcome: Outcome) -> NodeReport | None:
    return None if outcome.error else outcome.value
