"""Nodes get another release: switched, waited for, and put back to the former one where they do not come back."""

from __future__ import annotations

from collections.abc import Sequence

from koprogo_fleet.core.errors import Interrupted, KoprogoError, NotConverged, SshError
from koprogo_fleet.core.fleet import Role
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.hosts.k3s.release import Release
from koprogo_fleet.hosts.k3s.report import NodeReport
from koprogo_fleet.hosts.k3s.upgrade import NodeState
from koprogo_fleet.workflows.upgrade.leaving import give_back, take_away
from koprogo_fleet.workflows.upgrade.model import Upgrade, first_line
from koprogo_tasks import k3s_ready, k3s_report, roll_back_k3s, switch_k3s

PHASE = "K3s"


def upgrade_nodes(upgrade: Upgrade, states: Sequence[NodeState]) -> None:
    """
    Bring nodes to the wanted release, together: one server, or a batch of agents.

    Those whose binary was changed by a run that was interrupted are not emptied again: they may not run at all.

    Raises:
        NotConverged: one did not come back, and has its former release again.
        KoprogoError: nothing was changed on the node that it names, or nobody knows; run it again.
    """
    names = [state.name for state in states]
    if fresh := [state.name for state in states if not state.begun]:
        take_away(upgrade, fresh)
    run = upgrade.run
    options = {"fleet": run.fleet, "artifacts": upgrade.artifacts, "release": upgrade.wanted}
    run.on_hosts(names, PHASE, switch_k3s, **options)
    try:
        _wait_until_back(upgrade, names, upgrade.wanted)
    except Interrupted:
        raise
    except SshError as error:
        if error.temporary:  # it is not K3s that fails: nobody can say how it is
            raise
        _roll_back(upgrade, states, error)
    except KoprogoError as error:
        _roll_back(upgrade, states, error)
    give_back(upgrade, names)
    upgrade.tell(f"{', '.join(names)}: {upgrade.wanted}, Ready")


def _wait_until_back(upgrade: Upgrade, names: Sequence[str], release: Release) -> None:
    run, seconds = upgrade.run, upgrade.options.node_seconds
    run.on_hosts(names, PHASE, k3s_ready, fleet=run.fleet, seconds=seconds, listener=run.listener)

    def look() -> None:
        if missing := _missing(upgrade, names, release):
            raise NotYet("; ".join(missing.values()))

    wait_for(
        f"{', '.join(names)} Ready with {release}",
        look,
        seconds=seconds,
        listener=run.listener,
        next_step="koprogo-fleet k3s status; on the node: journalctl -u k3s -u k3s-agent -n 100",
    )


def _missing(upgrade: Upgrade, names: Sequence[str], release: Release) -> dict[str, str]:
    """Return what each of *names* still lacks, as the cluster sees it, and, of a server, as it sees itself."""
    servers = [name for name in names if name in upgrade.run.of_role(Role.SERVER)]
    missing = {name: lack for name in servers if (lack := _server_lacks(upgrade, name))}
    try:
        with upgrade.cluster(without=names) as cluster:
            known = {node.name: node for node in cluster.nodes()}
    except KoprogoError as error:
        return dict.fromkeys(names, first_line(error))
    for name in names:
        node = known.get(name)
        if node is None:
            missing.setdefault(name, f"{name}: the cluster does not know it")
        elif not node.ready:
            missing.setdefault(name, f"{name}: NotReady")
        elif Release.find(node.version) != release:
            missing.setdefault(name, f"{name}: its kubelet says {node.version}")
    return missing


def _server_lacks(upgrade: Upgrade, name: str) -> str:
    run = upgrade.run
    report: NodeReport = run.on_hosts([name], PHASE, k3s_report)[name].value
    health = report.health
    if health is None or not health.etcd_healthy:
        return f"{name}: its etcd member is not healthy"
    if any(learner.startswith(name) for learner in health.learners):
        return f"{name}: its etcd member has no vote"
    if health.api != "ok":
        return f"{name}: its API server: {health.api}"
    if any(node.name == name and node.voter is False for node in report.nodes):
        return f"{name}: K3s says that its etcd member does not vote"
    return ""


def _roll_back(upgrade: Upgrade, states: Sequence[NodeState], error: KoprogoError) -> None:
    """
    Put those that are not back to the release that they had, and stop.

    Raises:
        NotConverged: always; says why, and how the nodes are now.
    """
    run = upgrade.run
    names = [state.name for state in states]
    failed = list(_missing(upgrade, names, upgrade.wanted)) or names
    former = {state.kept if state.begun else state.running for state in states if state.name in failed}
    upgrade.tell(f"{', '.join(failed)} did not come back with {upgrade.wanted}: back to the former release")
    told = f"{', '.join(failed)} did not come back with {upgrade.wanted}: {error.seen}"
    try:
        run.on_hosts(failed, PHASE, roll_back_k3s, fleet=run.fleet)
        run.on_hosts(
            failed,
            PHASE,
            k3s_ready,
            fleet=run.fleet,
            seconds=upgrade.options.node_seconds,
            listener=run.listener,
        )
        for name in failed:
            _wait_for_former(upgrade, name)
        give_back(upgrade, names)
    except KoprogoError as second:
        raise NotConverged(
            f"{told}\nIt could not be brought back to its former release either: {second.seen}",
            cause=error.cause,
            next_step=second.next_step,
        ) from error
    releases = ", ".join(sorted(map(str, former)))
    raise NotConverged(
        f"{told}\nIt has its former release again ({releases}), and is Ready; no other node was begun",
        cause=error.cause,
        next_step=f"{error.next_step or 'see the journal of K3s on it'}; then: koprogo-fleet k3s upgrade",
    ) from error


def _wait_for_former(upgrade: Upgrade, name: str) -> None:
    """Wait until a node is well again with whatever its binary says that it is."""
    run = upgrade.run
    installed: NodeReport = run.on_hosts([name], PHASE, k3s_report)[name].value
    if installed.installed is not None:
        _wait_until_back(upgrade, [name], installed.installed)
