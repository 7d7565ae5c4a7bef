"""What an upgrade begins with what it found, and what it does not begin."""

from __future__ import annotations

from dataclasses import replace

import pytest

from koprogo_fleet.core.errors import InputError, NotConverged
from koprogo_fleet.core.fleet import Role
from koprogo_fleet.hosts.k3s.degraded import ailments
from koprogo_fleet.hosts.k3s.health import ServerHealth, explain
from koprogo_fleet.hosts.k3s.release import Release
from koprogo_fleet.hosts.k3s.report import KnownNode, NodeReport
from koprogo_fleet.workflows.status import ClusterStatus, NodeStatus, ServerStatus
from koprogo_fleet.workflows.upgrade.look import differences, plan_from

SERVERS = ("cp-1", "cp-2", "cp-3")
OLD, NEW = Release(1, 33, 4, 1), Release(1, 33, 5, 1)
WELL = ServerHealth(
    service="active",
    version="k3s version v1",
    etcd_healthy=True,
    members=("cp-1-a", "cp-2-b", "cp-3-c"),
    leader="cp-1-a",
    database_bytes=1,
    api="ok",
    has_etcd_data=True,
    etcd_answers=True,
)
DOWN = replace(WELL, service="activating", etcd_healthy=False, members=(), leader=None, etcd_answers=False)


def node(name: str, installed: Release = OLD, running: Release = OLD, **but: object) -> NodeStatus:
    """Return a node that is well but for the given: *ready*, *mark*, *health*, *unreachable*."""
    role = Role.SERVER if name in SERVERS else Role.AGENT
    health = but.get("health", WELL) if role is Role.SERVER else None
    report = NodeReport("active", installed, str(installed), None, 300.0, health)  # type: ignore[arg-type]
    mark = str(but.get("mark", ""))
    known = KnownNode(name, bool(but.get("ready", True)), bool(mark), str(running), None, mark)
    if but.get("unreachable"):
        return NodeStatus(name, role, None, known, "no SSH")
    return NodeStatus(name, role, report, known, None)


def status(*but: NodeStatus) -> ClusterStatus:
    """Return three servers and a worker with the former release, with the given in their places."""
    nodes = {name: node(name) for name in (*SERVERS, "worker-1")} | {one.host: one for one in but}
    healths = {name: report.health if (report := nodes[name].report) else None for name in SERVERS}
    return ClusterStatus(
        servers=tuple(ServerStatus(name, health, None) for name, health in healths.items()),
        nodes=tuple(nodes.values()),
        verdict=explain(list(healths.values())),
        ailments=ailments(healths),
        alarms=(),
        snapshot="",
        snapshot_hours=None,
        rpo_hours=6,
    )


def test_a_whole_fleet_gets_it_with_the_leader_last() -> None:
    """All nodes, each with what it had and gets."""
    todo = plan_from(status(), NEW)

    assert ["cp-2", "cp-3", "cp-1", "worker-1"] == [one.name for one in todo.nodes]
    assert {"change K3s: v1.33.4+k3s1 -> v1.33.5+k3s1"} == {
        str(item) for found in differences(todo).values() for item in found
    }


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (status(node("cp-3", health=DOWN)), "cp-3: K3s is activating"),
        (status(node("cp-3", unreachable=True)), "cp-3 cannot be reached"),
        (status(node("worker-1", unreachable=True)), "worker-1 cannot be asked: no SSH"),
        (status(node("worker-1", ready=False)), "worker-1 is NotReady"),
        (
            status(node("cp-2", health=DOWN), node("cp-3", NEW, OLD, health=DOWN)),
            "cp-2: K3s is activating",
        ),
    ],
)
def test_a_fleet_that_is_not_whole_is_not_begun(found: ClusterStatus, told: str) -> None:
    """What is down, cannot be reached or is NotReady is named, with a next step."""
    with pytest.raises(NotConverged) as caught:
        plan_from(found, NEW)

    assert told in caught.value.seen
    assert caught.value.next_step


def test_what_an_interrupted_run_has_left_is_gone_on_with() -> None:
    """One server that has the new binary and does not run yet is what is done first, not a reason to refuse."""
    todo = plan_from(status(node("cp-3", NEW, OLD, health=DOWN, ready=False, mark=str(NEW))), NEW)

    assert ["cp-3", "cp-2", "cp-1"] == [one.name for one in todo.servers]
    assert todo.servers[0].begun


def test_what_is_left_cordoned_is_work_too() -> None:
    """Where all have the release and one bears the mark, that one is uncordoned; nothing else is asked of the fleet."""
    everywhere = [node(name, NEW, NEW, mark=str(NEW) if name == "worker-1" else "") for name in (*SERVERS, "worker-1")]
    todo = plan_from(status(*everywhere), NEW)

    assert ((), ("worker-1",)) == (todo.nodes, todo.left_cordoned)
    assert ["worker-1"] == list(differences(todo))


def test_a_release_that_may_not_be_had_is_refused_first() -> None:
    """Before anything that ails the fleet, for it would be in vain to mend that."""
    with pytest.raises(InputError, match=r"skips v1\.34"):
        plan_from(status(node("cp-3", health=DOWN)), Release(1, 35, 0, 1))
