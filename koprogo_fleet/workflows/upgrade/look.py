"""What is there before an upgrade, what is to be done, and why it must not be begun."""

from __future__ import annotations

from collections.abc import Sequence

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError, NotConverged
from koprogo_fleet.core.fleet import Role
from koprogo_fleet.hosts.k3s.degraded import Ailment
from koprogo_fleet.hosts.k3s.release import Release
from koprogo_fleet.hosts.k3s.unit import unit_name
from koprogo_fleet.hosts.k3s.upgrade import NodeState, UpgradePlan, plan, problems
from koprogo_fleet.workflows.status import ClusterStatus, NodeStatus, k3s_status
from koprogo_fleet.workflows.upgrade.model import Upgrade


def look(upgrade: Upgrade) -> None:
    """
    Ask every node, and decide what is to be done.

    Raises:
        InputError: the release must not be had from what is there (skipped minors, downgrades, skew).
        NotConverged: the fleet is not well enough to take a node away; names the repair of each thing.
    """
    run = upgrade.run
    found = k3s_status(run.fleet, run.directory, run.listener)
    upgrade.plan = plan_from(found, upgrade.wanted)
    for node in found.nodes:
        if node.report is not None and not node.report.version:
            upgrade.tell(f"{node.host} has no K3s yet, and gets none here: koprogo-fleet provision")


def plan_from(found: ClusterStatus, wanted: Release) -> UpgradePlan:
    """
    Return the plan for what was *found*.

    Raises:
        InputError, NotConverged: as :func:`look`.
    """
    states = [_state(node) for node in found.nodes if node.report is not None and node.report.version]
    if refused := problems(wanted, states):
        raise InputError(
            f"the fleet cannot be brought to {wanted}:\n  " + "\n  ".join(refused),
            cause="Kubernetes' version skew policy",
            next_step="koprogo-fleet k3s status shows what runs; koprogo-fleet k3s upgrade --to with a release in between",
        )
    todo = plan(wanted, states, _name_of_leader(found))
    if not todo.empty and (ill := [*_ailing(found, states), *_nodes_not_ready(found, states)]):
        raise NotConverged(
            "no node is taken away while the fleet is not whole:\n  " + "\n  ".join(ailment.seen for ailment in ill),
            cause="an upgrade restarts one node after the other, and counts on all the others",
            next_step="mend it, then run the same again:\n  " + "\n  ".join(ailment.repair for ailment in ill),
        )
    return todo


def differences(todo: UpgradePlan) -> dict[str, tuple[Difference, ...]]:
    """Return what the plan changes on each node."""
    changes: dict[str, tuple[Difference, ...]] = {
        node.name: (Difference(Operation.CHANGE, "K3s", str(node.running or node.installed), str(todo.wanted)),)
        for node in todo.nodes
    }
    cordoned = Difference(Operation.CHANGE, "cordoned", "by an upgrade that was interrupted", "no")
    return changes | dict.fromkeys(todo.left_cordoned, (cordoned,))


def _state(node: NodeStatus) -> NodeState:
    assert node.report is not None  # noqa: S101 - those without were left out
    known = node.known
    return NodeState(
        node.host,
        node.role,
        node.report.installed,
        Release.find(known.version) if known else None,
        node.report.kept,
        marked=bool(known and known.mark),
    )


def _name_of_leader(found: ClusterStatus) -> str | None:
    leader = found.leader or ""
    return next(
        (item.host for item in found.servers if leader == item.host or leader.rpartition("-")[0] == item.host), None
    )


def _ailing(found: ClusterStatus, states: Sequence[NodeState]) -> Sequence[Ailment]:
    """Return what ails the control plane; not what an upgrade that was interrupted has left of one server."""
    begun = {state.name for state in states if state.role is Role.SERVER and state.begun}
    if len(begun) == 1 and all(ailment.host in begun for ailment in found.ailments):
        return ()
    return found.ailments


def _nodes_not_ready(found: ClusterStatus, states: Sequence[NodeState]) -> list[Ailment]:
    begun = {state.name for state in states if state.begun}
    ill = []
    for node in found.nodes:
        if node.role is Role.AGENT and node.report is None:
            ill.append(
                Ailment(
                    node.host,
                    f"{node.host} cannot be asked: {node.error}",
                    "start it, or take it out of the fleet (koprogo-fleet scale)",
                )
            )
        elif node.report is not None and node.report.version and node.host not in begun:
            if node.known is None:
                seen = f"the cluster does not know {node.host}"
            elif not node.known.ready:
                seen = f"{node.host} is NotReady"
            else:
                continue
            unit = unit_name(node.role)
            ill.append(
                Ailment(node.host, seen, f"on {node.host}: journalctl -u {unit} -n 100; koprogo-fleet provision")
            )
    return ill
