"""Which nodes an upgrade changes, in which order, and when it must not."""

from __future__ import annotations

import pytest

from koprogo_fleet.core.fleet import Role
from koprogo_fleet.hosts.k3s.release import Release
from koprogo_fleet.hosts.k3s.upgrade import NodeState, joins_with, plan, problems


def release(text: str) -> Release:
    """Return the release that *text* names."""
    found = Release.find(text)
    assert found is not None
    return found


def node(name: str, installed: str, running: str | None = None, *, marked: bool = False) -> NodeState:
    """Return a node, a server by its name or an agent; without *running* it runs what is installed."""
    role = Role.SERVER if name.startswith("cp") else Role.AGENT
    return NodeState(name, role, release(installed), release(running or installed), marked=marked)


FLEET = [node(name, "v1.33.4+k3s1") for name in ("cp-1", "cp-2", "cp-3", "worker-1", "worker-2")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("v1.33.4+k3s1", "v1.33.4+k3s1"),
        ("k3s version v1.33.10+k3s2 (148243c4)", "v1.33.10+k3s2"),
        ("k3s version v1.33.4+k3s1 (the lab's stand-in, Kubernetes v1.20.2+standin)", "v1.33.4+k3s1"),
        ("v1.33.4", "v1.33.4"),
        ("v1.33.4-rc1+k3s1", None),
        ("", None),
    ],
)
def test_a_release_is_read_wherever_it_is_told(text: str, expected: str | None) -> None:
    """From fleet.yaml, K3s itself and kubelets; a candidate is no release."""
    found = Release.find(text)

    assert expected == (None if found is None else str(found))


def test_releases_are_ordered_by_number_not_by_text() -> None:
    """v1.9 comes before v1.10, and the first build of a patch before its second."""
    texts = ["v1.33.10+k3s1", "v1.33.9+k3s1", "v1.9.9+k3s1", "v1.33.9+k3s2"]

    assert ["v1.9.9+k3s1", "v1.33.9+k3s1", "v1.33.9+k3s2", "v1.33.10+k3s1"] == [
        str(item) for item in sorted(map(release, texts))
    ]


@pytest.mark.parametrize(
    ("wanted", "nodes", "expected"),
    [
        ("v1.33.4+k3s2", FLEET, ()),
        ("v1.34.0+k3s1", FLEET, ()),
        ("v1.33.4+k3s1", FLEET, ()),
        (
            "v1.35.1+k3s1",
            [node("cp-1", "v1.33.4+k3s1")],
            ("cp-1 has v1.33.4+k3s1: v1.35.1+k3s1 skips v1.34; servers take one minor at a time",),
        ),
        (
            "v1.33.3+k3s1",
            [node("cp-1", "v1.33.4+k3s1"), node("cp-2", "v1.33.3+k3s1")],
            ("cp-1 has v1.33.4+k3s1, which is newer than v1.33.3+k3s1: K3s cannot be downgraded",),
        ),
        ("v2.0.0+k3s1", [node("cp-1", "v1.33.4+k3s1")], ("cp-1 has v1.33.4+k3s1: v2.0 is another major version",)),
        ("v1.34.0+k3s1", [node("cp-1", "v1.33.4+k3s1"), node("worker-1", "v1.31.2+k3s1")], ()),
        (
            "v1.34.0+k3s1",
            [node("cp-1", "v1.33.4+k3s1"), node("worker-1", "v1.30.2+k3s1")],
            (
                (
                    "worker-1 has v1.30.2+k3s1: its kubelet would be 4 minors older than servers of v1.34, and may be 3: "
                    "bring the agents nearer first"
                ),
            ),
        ),
        (
            "v1.27.0+k3s1",
            [node("cp-1", "v1.26.4+k3s1"), node("worker-1", "v1.24.2+k3s1")],
            (
                (
                    "worker-1 has v1.24.2+k3s1: its kubelet would be 3 minors older than servers of v1.27, and may be 2: "
                    "bring the agents nearer first"
                ),
            ),
        ),
        (
            "v1.34.0+k3s1",
            [NodeState("cp-1", Role.SERVER, None, None)],
            ("cp-1: which release it has cannot be told",),
        ),
        # half of the fleet is there already: what runs counts for the minors that are skipped
        ("v1.34.0+k3s1", [node("cp-1", "v1.34.0+k3s1"), node("cp-2", "v1.34.0+k3s1", "v1.33.4+k3s1")], ()),
    ],
)
def test_the_skew_policy_is_kept(wanted: str, nodes: list[NodeState], expected: tuple[str, ...]) -> None:
    """No minor skipped by servers, no downgrade, no kubelet more than three (once two) minors older; each by its name."""
    assert expected == problems(release(wanted), nodes)


def test_servers_go_before_agents_and_the_leader_last_of_them() -> None:
    """So that no agent is ever newer than a server, and etcd elects once."""
    todo = plan(release("v1.33.5+k3s1"), [FLEET[3], *FLEET[:3]], leader="cp-1")

    assert (["cp-2", "cp-3", "cp-1"], ["worker-1"]) == (
        [item.name for item in todo.servers],
        [item.name for item in todo.agents],
    )


def test_nothing_is_to_be_done_where_all_have_it() -> None:
    """A second run changes nothing."""
    assert plan(release("v1.33.4+k3s1"), FLEET).empty


def test_what_was_begun_is_ended_first() -> None:
    """A node whose binary is new, and whose kubelet is the former one still, goes before those that run."""
    begun = node("cp-3", "v1.33.5+k3s1", "v1.33.4+k3s1", marked=True)
    done = node("cp-2", "v1.33.5+k3s1", marked=True)
    todo = plan(release("v1.33.5+k3s1"), [FLEET[0], done, begun], leader="cp-3")

    assert ["cp-3", "cp-1"] == [item.name for item in todo.servers]
    assert ("cp-2",) == todo.left_cordoned
    assert not todo.empty


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([], "v1.34.0+k3s1"),
        (["v1.33.4+k3s1"], "v1.33.4+k3s1"),
        (["v1.34.0+k3s1", "v1.33.4+k3s1"], "v1.33.4+k3s1"),
    ],
)
def test_a_node_joins_with_what_the_cluster_runs(found: list[str], expected: str) -> None:
    """Never with a newer release than its servers have, whatever fleet.yaml wants."""
    assert expected == str(joins_with(release("v1.34.0+k3s1"), [release(text) for text in found]))
