"""Which pods have to leave a node before it goes."""

from __future__ import annotations

from typing import Any

import pytest

from koprogo_fleet.kube.drain import MIRROR, leaving, pod_of


def pod(owner: str | None = "ReplicaSet", phase: str = "Running", **metadata: Any) -> dict[str, Any]:
    """Return a Pod object."""
    owners = [{"kind": owner, "controller": True}] if owner else []
    identity = {"namespace": "koprogo", "name": "api", "uid": "1", "ownerReferences": owners}
    return {"metadata": {**identity, **metadata}, "status": {"phase": phase}}


@pytest.mark.parametrize(
    ("item", "leaves"),
    [
        (pod(), True),
        (pod(None), True),
        (pod(phase="Pending"), True),
        (pod("DaemonSet"), False),
        (pod(None, annotations={MIRROR: "hash"}), False),
        (pod("Job", phase="Succeeded"), False),
        (pod(deletionTimestamp="2026-01-01T00:00:00Z"), True),
    ],
)
def test_who_leaves(item: dict[str, Any], leaves: bool) -> None:  # noqa: FBT001 - a case
    """What runs leaves; what belongs to the node, or has ended, does not."""
    assert leaves == bool(leaving([pod_of(item)]))
