"""What one node's answers mean."""

from __future__ import annotations

import subprocess

import pytest

from koprogo_fleet.core.fleet import Role
from koprogo_fleet.hosts.k3s.release import Release
from koprogo_fleet.hosts.k3s.report import KnownNode, look, parse

SERVER = """\
== node
1763887200
active
k3s version v1.33.5+k3s1 (148243c4)
== kept
k3s version v1.33.4+k3s1 (36645e73)
== certificates
notAfter=Nov 23 08:40:00 2026 GMT
notAfter=Nov  1 08:40:00 2035 GMT
== health
ActiveState=active Job=0
k3s version v1.33.5+k3s1 (148243c4)
{"health":"true"}
{"members":[{"ID":"11","name":"cp-1-a1"},{"ID":"22","peerURLs":["https://10.0.0.12:2380"],"isLearner":true}]}
{"leader":"11","dbSize":"4096"}
ok
has etcd data
== alarms
{"header":{},"alarms":[{"memberID":"11","alarm":"NOSPACE"}]}
== encryption
Encryption Status: Enabled
Current Rotation Stage: start
Server Encryption Hashes: All hashes match
== snapshots
1763880000.5 etcd-snapshot-cp-1-1763880000
== nodes
cp-1\t\tv1.33.5+k3s1\t\tReady=True,EtcdIsVoter=True,
worker-1\ttrue\tv1.33.4+k3s1\tv1.33.5+k3s1\tMemoryPressure=False,Ready=False,
"""
AGENT = "== node\n1763887200\nfailed\nk3s version v1.33.4+k3s1 (36645e73)\n== kept\n== certificates\n"


def test_a_server_tells_everything() -> None:
    """Each answer of a server has its place."""
    found = parse(SERVER)

    assert ("active", "v1.33.5+k3s1 (148243c4)") == (found.service, found.version)
    assert (Release(1, 33, 5, 1), Release(1, 33, 4, 1)) == (found.installed, found.kept)
    assert found.certificate_days == pytest.approx(365, abs=0.1)
    assert found.health is not None
    assert (("cp-1-a1",), ("https://10.0.0.12:2380",), 4096) == (
        found.health.members,
        found.health.learners,
        found.health.database_bytes,
    )
    assert (("NOSPACE",), "Enabled", "start", "All hashes match") == (
        found.alarms,
        found.encryption,
        found.encryption_stage,
        found.encryption_hashes,
    )
    assert "etcd-snapshot-cp-1-1763880000" == found.snapshot
    assert found.snapshot_hours == pytest.approx(2, abs=0.01)
    assert (
        KnownNode("cp-1", ready=True, cordoned=False, version="v1.33.5+k3s1", voter=True, mark=""),
        KnownNode("worker-1", ready=False, cordoned=True, version="v1.33.4+k3s1", voter=None, mark="v1.33.5+k3s1"),
    ) == found.nodes


def test_an_agent_tells_of_itself_alone() -> None:
    """No health of etcd, no list of nodes; what it cannot tell is nothing."""
    found = parse(AGENT)

    assert ("failed", None, None, None, ()) == (
        found.service,
        found.kept,
        found.certificate_days,
        found.health,
        found.nodes,
    )


def test_a_node_that_says_nothing_is_no_error() -> None:
    """Whatever does not answer is empty."""
    found = parse("")

    assert ("unknown", "", None, None) == (found.service, found.version, found.installed, found.snapshot_hours)


@pytest.mark.parametrize("role", list(Role))
def test_the_script_is_one_that_a_shell_reads(role: Role) -> None:
    """Dash finds no mistake in it, and what has no K3s answers all the same."""
    subprocess.run(["sh", "-n"], input=look(role), text=True, check=True, timeout=10)
