"""
How a server is: its service, its etcd member, its API server.

One script asks all of it locally, so that it answers also when the cluster does not. etcd's gateway: ``/health``,
``/v3/cluster/member/list`` and ``/v3/maintenance/status`` (etcd API reference); certificates: K3s' "Advanced" page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from koprogo_fleet.core.quorum import EtcdHealth, quorum
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s.etcd_gateway import ASK_ETCD

LOOK = f"""\
{ASK_ETCD}systemctl show k3s --property=ActiveState,Job | tr '\\n' ' '; echo
{paths.BINARY} --version 2>/dev/null | head -n 1 | tr -d '\\n'; echo
ask_etcd /health
ask_etcd /v3/cluster/member/list '{{}}'
ask_etcd /v3/maintenance/status '{{}}'
timeout 15 {paths.BINARY} kubectl get --raw /readyz 2>&1 | tail -n 1 | tr -d '\\n'; echo
[ ! -d {paths.ETCD_DATA} ] || echo "has etcd data"
"""


@dataclass(frozen=True)
class ServerHealth:
    """
    What one server says about itself.

    Attributes:
        service: systemd's ActiveState of the unit k3s.
        etcd_healthy: this member can serve a write, which needs a quorum.
        members: the names of all members that this one knows; those that only learn have no vote yet, and are not there.
        leader: the name of the leader, or None while there is none.
        database_bytes: size of etcd's file.
        api: ``ok``, or what is not ready, or what was answered instead.
    """

    service: str
    version: str
    etcd_healthy: bool
    members: tuple[str, ...]
    leader: str | None
    database_bytes: int
    api: str
    job_pending: bool = False
    """systemd has yet to start, stop or restart the unit: what the service does now will not last."""
    has_etcd_data: bool = False
    """It has been a member, or is one."""
    etcd_answers: bool = False
    """An etcd runs there, healthy or not."""
    learners: tuple[str, ...] = ()
    """Members without a vote yet; one that has never started has no name, and is here by its address."""


def parse(output: str) -> ServerHealth:
    """Return the meaning of :data:`LOOK`'s output; whatever did not answer is empty or unhealthy."""
    unit, version, health, members, status, api, data = (output.splitlines() + [""] * 7)[:7]
    properties = dict(pair.split("=", 1) for pair in unit.split() if "=" in pair)
    listed = _object(members).get("members", [])
    names = {str(member.get("ID")): str(member.get("name", "")) for member in listed if not member.get("isLearner")}
    state = _object(status)
    return ServerHealth(
        service=properties.get("ActiveState", "unknown"),
        version=version,
        etcd_healthy=str(_object(health).get("health", "")).lower() == "true",
        members=tuple(sorted(name for name in names.values() if name)),
        leader=names.get(str(state.get("leader", ""))),
        database_bytes=int(state.get("dbSize") or 0),
        api=_readiness(api.strip()),
        job_pending=properties.get("Job", "") not in {"", "0"},
        has_etcd_data=bool(data),
        etcd_answers=bool(_object(health)),
        learners=tuple(sorted(_label(member) for member in listed if member.get("isLearner"))),
    )


def _label(member: Mapping[str, Any]) -> str:
    return str(member.get("name") or next(iter(member.get("peerURLs") or ()), "without a name"))


def _readiness(answer: str) -> str:
    """Return "ok", or what is not ready by the API server's own list of checks, or the words of whoever answered."""
    if failed := re.findall(r"\[-\](\S+)", answer):
        return f"not ready: {', '.join(failed)}"
    return answer or "no answer"


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}


def etcd_health(healths: Mapping[str, ServerHealth | None]) -> EtcdHealth:
    """
    Return which servers' etcd members vote, which of those are healthy and will stay so by themselves, which are down.

    Args:
        healths: by the servers' names; None stands for one that did not answer.

    What no etcd knows is not left out for that: while none lists the members, whoever has etcd's data counts, and so does
    a server that did not answer. K3s names a member after its server, with a suffix; one that is no server's of ours
    keeps its own name, and counts, too.
    """
    healthy = {
        name
        for name, health in healths.items()
        if health and health.service == "active" and health.etcd_healthy and not health.job_pending
    }
    down = {name for name, health in healths.items() if health and not health.etcd_answers}
    listed = {member for health in healths.values() if health for member in health.members}
    if listed:
        members = {server_of(member, healths) for member in listed}
    else:
        members = {name for name, health in healths.items() if health is None or health.has_etcd_data}
    return EtcdHealth(frozenset(members), frozenset(healthy & members), frozenset(down & members))


def server_of(member: str, servers: Iterable[str]) -> str:
    """Return whose member it is: one of *servers*, or, where it is none of theirs, its own name."""
    return next((name for name in servers if member == name or member.rpartition("-")[0] == name), member)


def explain(healths: Sequence[ServerHealth | None]) -> str:
    """Return one sentence about the control plane; None stands for a server that cannot be reached."""
    total = max([len(healths), *(len(health.members) for health in healths if health)])
    running = sum(health is not None and health.service == "active" for health in healths)
    if any(health and health.etcd_healthy for health in healths):
        if running == total:
            return f"etcd is healthy: {running} of {total} members are up"
        return (
            f"etcd is degraded: {running} of {total} members are up; "
            f"the API works, and {running - quorum(total)} more may fail"
        )
    if running < quorum(total):
        return (
            f"etcd has lost its quorum: {running} of {total} members are up, {quorum(total)} are needed; "
            "the API refuses writes until another server is back"
        )
    return f"etcd does not answer although K3s runs on {running} of {total} servers: see journalctl -u k3s on each"
