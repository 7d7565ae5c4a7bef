"""How the cluster's control plane is, also when most of it is gone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.hosts.k3s.health import ServerHealth, explain
from koprogo_fleet.runner.outcome import Outcome
from koprogo_fleet.runner.run import run_on
from koprogo_fleet.workflows.nornir import open_nornir
from koprogo_tasks import k3s_health


@dataclass(frozen=True)
class ServerStatus:
    """One server: its health, or why it could not be asked."""

    host: str
    health: ServerHealth | None
    error: str | None


@dataclass(frozen=True)
class ClusterStatus:
    """All servers, and one sentence that says what it means."""

    servers: tuple[ServerStatus, ...]
    verdict: str

    @property
    def healthy(self) -> bool:
        """Whether every server is reachable, and its etcd member and API server are well."""
        return all(
            server.health is not None and server.health.etcd_healthy and server.health.api == "ok"
            for server in self.servers
        )


def k3s_status(fleet: Fleet, directory: Path, listener: Listener) -> ClusterStatus:
    """Ask every server in parallel; *directory* holds the fleet's inventory."""
    servers = [node.name for node in fleet.servers]
    outcomes = run_on(open_nornir(directory, max_failures="100%"), servers, "Health", k3s_health, listener)
    statuses = tuple(_status(outcomes[name]) for name in servers)
    return ClusterStatus(statuses, explain([status.health for status in statuses]))


def _status(outcome: Outcome) -> ServerStatus:
    if outcome.error:
        return ServerStatus(outcome.host, None, str(outcome.error))
    return ServerStatus(outcome.host, outcome.value, None)
