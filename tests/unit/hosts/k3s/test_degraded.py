"""What keeps a server from being restarted on purpose, and what is offered instead."""

from __future__ import annotations

from dataclasses import replace

import pytest

from koprogo_fleet.hosts.k3s.degraded import ailments
from koprogo_fleet.hosts.k3s.health import ServerHealth

NAMES = ("cp-1-a1", "cp-2-b2", "cp-3-c3")
WELL = ServerHealth("active", "k3s version v1", True, NAMES, "cp-1-a1", 1, "ok", False, True, True)  # noqa: FBT003 - as in the class
DOWN = replace(WELL, service="failed", etcd_healthy=False, members=(), leader=None, etcd_answers=False)
STRANGER = replace(WELL, members=(*NAMES, "old-cp-d4"))
LEARNING = replace(WELL, members=NAMES[:2], learners=("cp-3-c3",))
UNNAMED = replace(WELL, members=NAMES[:2], learners=("https://10.0.0.13:2380",))
SHORT = replace(WELL, members=NAMES[:2])


@pytest.mark.parametrize(
    ("healths", "alarms", "expected"),
    [
        ((WELL, WELL, WELL), (), []),
        ((WELL, WELL, DOWN), (), ["cp-3: K3s is failed"]),
        ((WELL, WELL, None), (), ["cp-3 cannot be reached"]),
        ((WELL, WELL, replace(WELL, etcd_healthy=False)), (), ["cp-3: its etcd member is not healthy"]),
        (
            (WELL, replace(WELL, api="not ready: etcd"), WELL),
            (),
            ["cp-2: its API server is not ready: not ready: etcd"],
        ),
        ((WELL, WELL, WELL), ("NOSPACE",), ["etcd has raised the alarm NOSPACE"]),
        ((STRANGER,) * 3, (), ["etcd has the member old-cp-d4, which is no server of fleet.yaml"]),
        ((LEARNING,) * 3, (), ["etcd has a learner, cp-3-c3, which has no vote yet"]),
        (
            (UNNAMED, UNNAMED, DOWN),
            (),
            [
                "cp-3: K3s is failed",
                "etcd has a learner, https://10.0.0.13:2380, which has no vote yet",
                "cp-3 is a server of fleet.yaml, and no member of etcd",
            ],
        ),
        ((SHORT,) * 3, (), ["cp-3 is a server of fleet.yaml, and no member of etcd"]),
        (
            (WELL, replace(WELL, leader="cp-2-b2"), WELL),
            (),
            ["the members do not agree on etcd's leader: cp-1-a1, cp-2-b2"],
        ),
    ],
)
def test_every_ailment_is_named_with_its_repair(
    healths: tuple[ServerHealth | None, ...], alarms: tuple[str, ...], expected: list[str]
) -> None:
    """One down, a learner, an alarm, a stranger, a missing member, a quarrel about the leader: each is told, with a way out."""
    found = ailments(dict(zip(("cp-1", "cp-2", "cp-3"), healths, strict=True)), frozenset(alarms))

    assert expected == [item.seen for item in found]
    assert all(item.repair for item in found)
