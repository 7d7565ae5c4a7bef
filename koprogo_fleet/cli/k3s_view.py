"""What ``koprogo-fleet k3s status`` shows: tables for people, one object for machines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

    from koprogo_fleet.workflows.status import ClusterStatus, NodeStatus

UNKNOWN = "?"
SOON_DAYS = 90
"""K3s renews certificates at a start when fewer than 120 (once 90) days are left: fewer means that it was not restarted."""


def as_object(found: ClusterStatus) -> dict[str, Any]:
    """Return all of it for ``--json``."""
    return {
        "verdict": found.verdict,
        "healthy": found.healthy,
        "leader": found.leader,
        "servers": [asdict(item) for item in found.servers],
        "nodes": [_node_object(node) for node in found.nodes],
        "ailments": [asdict(item) for item in found.ailments],
        "alarms": list(found.alarms),
        "snapshot": {"name": found.snapshot, "age_hours": found.snapshot_hours, "rpo_hours": found.rpo_hours},
    }


def _node_object(node: NodeStatus) -> dict[str, Any]:
    report, known = node.report, node.known
    return {
        "host": node.host,
        "role": str(node.role),
        "error": node.error,
        "service": report.service if report else None,
        "installed": str(report.installed) if report and report.installed else None,
        "running": known.version if known else None,
        "kept": str(report.kept) if report and report.kept else None,
        "ready": known.ready if known else None,
        "cordoned": known.cordoned if known else None,
        "voter": known.voter if known else None,
        "upgrading_to": known.mark if known and known.mark else None,
        "certificate_days": report.certificate_days if report else None,
        "encryption": report.encryption if report else None,
        "encryption_stage": report.encryption_stage if report else None,
        "encryption_hashes": report.encryption_hashes if report else None,
    }


def tables(found: ClusterStatus) -> Iterator[Table]:
    """Yield a table of all nodes, and one of the control plane."""
    from rich.table import Table

    nodes = Table("Node", "Role", "K3s", "Version", "Node is", "Certificates", title="Nodes")
    for node in found.nodes:
        nodes.add_row(node.host, str(node.role), *_node_cells(node))
    yield nodes
    plane = Table("Server", "etcd", "Votes", "Leader", "Database", "API", "Encryption", title="Control plane")
    by_name = {node.host: node for node in found.nodes}
    for server in found.servers:
        if server.health is None:
            plane.add_row(server.host, f"[red]{server.error}[/]")
            continue
        health, node = server.health, by_name[server.host]
        plane.add_row(
            server.host,
            "[green]healthy[/]" if health.etcd_healthy else "[red]no quorum[/]",
            _vote(node),
            health.leader or "none",
            f"{health.database_bytes / 1e6:.1f} MB",
            health.api,
            _encryption(node),
        )
    yield plane


def sentences(found: ClusterStatus) -> Iterator[str]:
    """Yield what is to be said below the tables."""
    yield found.verdict
    for ailment in found.ailments:
        yield f"{ailment.seen}. To mend it: {ailment.repair}"
    yield found.snapshot_verdict
    releases = {node.known.version for node in found.nodes if node.known}
    if len(releases) > 1:
        yield f"the nodes run {' and '.join(sorted(releases))}: koprogo-fleet k3s upgrade brings them together"


def _node_cells(node: NodeStatus) -> tuple[str, ...]:
    report, known = node.report, node.known
    if report is None:
        return (f"[red]{node.error}[/]", known.version if known else UNKNOWN, _state(node), UNKNOWN)
    running = known.version if known else UNKNOWN
    installed = str(report.installed or report.version or "none")
    version = installed if running in {installed, UNKNOWN} else f"{running} ({installed} is installed)"
    return (report.service, version, _state(node), _days(report.certificate_days))


def _days(left: float | None) -> str:
    if left is None:
        return UNKNOWN
    return f"{left:.0f} days" if left >= SOON_DAYS else f"[yellow]{left:.0f} days[/]"


def _state(node: NodeStatus) -> str:
    known = node.known
    if known is None:
        return UNKNOWN
    state = "[green]Ready[/]" if known.ready else "[red]NotReady[/]"
    if known.mark:
        return f"{state}, cordoned by an upgrade to {known.mark}"
    return f"{state}, cordoned" if known.cordoned else state


def _vote(node: NodeStatus) -> str:
    if node.known is None or node.known.voter is None:
        return UNKNOWN
    return "yes" if node.known.voter else "[red]no[/]"


def _encryption(node: NodeStatus) -> str:
    report = node.report
    if report is None or not report.encryption:
        return UNKNOWN
    stage = "" if report.encryption_stage in {"", "start", "reencrypt_finished"} else f" ({report.encryption_stage})"
    return report.encryption.partition(",")[0] + stage
