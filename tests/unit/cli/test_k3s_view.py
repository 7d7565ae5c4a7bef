"""What ``k3s status`` shows of what was found."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from rich.console import Console

from koprogo_fleet.cli.k3s_view import as_object, sentences, tables
from koprogo_fleet.core.fleet import Role
from koprogo_fleet.hosts.k3s.degraded import ailments
from koprogo_fleet.hosts.k3s.health import ServerHealth, explain
from koprogo_fleet.hosts.k3s.release import Release
from koprogo_fleet.hosts.k3s.report import KnownNode, NodeReport
from koprogo_fleet.workflows.status import ClusterStatus, NodeStatus, ServerStatus

HEALTH = ServerHealth(
    service="active",
    version="k3s version v1.33.4+k3s1",
    etcd_healthy=True,
    members=("cp-1-a",),
    leader="cp-1-a",
    database_bytes=4_200_000,
    api="ok",
)


def found(*, hours: float | None = 2.0, worker: str = "v1.33.4+k3s1", mark: str = "") -> ClusterStatus:
    """Return one server that is well, a worker of another release, and one that cannot be asked."""
    report = NodeReport("active", Release(1, 33, 4, 1), "v1.33.4+k3s1", None, 42.4, HEALTH, encryption="Enabled")
    agent = NodeReport("active", Release(1, 33, 4, 1), "v1.33.4+k3s1", Release(1, 33, 3, 1), 300.0)
    known = KnownNode("cp-1", ready=True, cordoned=False, version="v1.33.4+k3s1", voter=True, mark="")
    of_worker = KnownNode("worker-1", ready=True, cordoned=bool(mark), version=worker, voter=None, mark=mark)
    return ClusterStatus(
        servers=(ServerStatus("cp-1", HEALTH, None),),
        nodes=(
            NodeStatus("cp-1", Role.SERVER, report, known, None),
            NodeStatus("worker-1", Role.AGENT, agent, of_worker, None),
            NodeStatus("worker-2", Role.AGENT, None, None, "worker-2: no SSH"),
        ),
        verdict=explain([HEALTH]),
        ailments=ailments({"cp-1": HEALTH}, frozenset({"NOSPACE"})),
        alarms=("NOSPACE",),
        snapshot="etcd-snapshot-1" if hours is not None else "",
        snapshot_hours=hours,
        rpo_hours=6,
    )


def shown(status: ClusterStatus) -> str:
    """Return the tables as text, without their lines' ends."""
    console = Console(width=200, file=StringIO())
    with console.capture() as captured:
        for table in tables(status):
            console.print(table)
    return captured.get()


def test_every_node_is_in_the_tables() -> None:
    """Releases, who is cordoned by what, certificates, votes, and why one could not be asked."""
    text = shown(found(worker="v1.33.3+k3s1", mark="v1.33.4+k3s1"))

    for told in (
        "v1.33.3+k3s1 (v1.33.4+k3s1 is installed)",
        "Ready, cordoned by an upgrade to v1.33.4+k3s1",
        "42 days",
        "4.2 MB",
        "Enabled",
        "worker-2: no SSH",
    ):
        assert told in text


@pytest.mark.parametrize(
    ("hours", "told"),
    [
        (2.0, "the newest etcd snapshot, etcd-snapshot-1, is 2.0 h old, within the RPO of 6 h"),
        (7.5, "the newest etcd snapshot, etcd-snapshot-1, is 7.5 h old, OLDER THAN the RPO of 6 h"),
        (None, "no etcd snapshot is on any server; the newest may be 6 h old"),
    ],
)
def test_the_newest_snapshot_is_held_against_what_its_age_may_be(hours: float | None, told: str) -> None:
    """In time, too old, or none."""
    assert told in list(sentences(found(hours=hours)))


def test_what_ails_it_is_told_with_its_repair_and_so_are_two_releases() -> None:
    """An alarm with what mends it; two releases with the command that makes them one."""
    told = list(sentences(found(worker="v1.33.3+k3s1")))

    assert any("etcd has raised the alarm NOSPACE. To mend it: make room" in sentence for sentence in told)
    assert "the nodes run v1.33.3+k3s1 and v1.33.4+k3s1: koprogo-fleet k3s upgrade brings them together" in told


def test_the_object_is_json_of_plain_values() -> None:
    """What is unknown is null, releases are texts, and the servers are told as they always were."""
    told = json.loads(json.dumps(as_object(found())))

    assert ("v1.33.4+k3s1", "v1.33.4+k3s1", True) == (
        told["nodes"][0]["installed"],
        told["nodes"][0]["running"],
        told["nodes"][0]["voter"],
    )
    assert (None, "worker-2: no SSH") == (told["nodes"][2]["running"], told["nodes"][2]["error"])
    assert ("active", "ok") == (told["servers"][0]["health"]["service"], told["servers"][0]["health"]["api"])
    assert {"name": "etcd-snapshot-1", "age_hours": 2.0, "rpo_hours": 6} == told["snapshot"]
