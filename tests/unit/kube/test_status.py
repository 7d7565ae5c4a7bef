"""What status fields mean: a table."""

from __future__ import annotations

from typing import Any

import pytest

from koprogo_fleet.core.fleet import Role
from koprogo_fleet.kube.status import NodeStatus, node_status, rollout


def test_node() -> None:
    """A node's facts are read from where Kubernetes keeps them."""
    node = {
        "metadata": {"name": "cp-1", "labels": {"node-role.kubernetes.io/master": "true"}},
        "spec": {"unschedulable": True},
        "status": {
            "conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}],
            "addresses": [
                {"type": "Hostname", "address": "cp-1"},
                {"type": "InternalIP", "address": "10.0.0.11"},
            ],
            "nodeInfo": {"kubeletVersion": "v1.33.4+k3s1"},
        },
    }

    assert node_status(node) == NodeStatus("cp-1", True, Role.SERVER, "v1.33.4+k3s1", "10.0.0.11", True)  # noqa: FBT003


@pytest.mark.parametrize("ready", ["False", "Unknown"])
def test_node_that_is_not_ready(ready: str) -> None:
    """A node that stopped to report is not ready either."""
    node = {"metadata": {"name": "w"}, "status": {"conditions": [{"type": "Ready", "status": ready}]}}

    assert not node_status(node).ready


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({}, (False, "the controller has not looked at it yet")),
        ({"observedGeneration": 1, "availableReplicas": 3}, (False, "the controller has not looked at it yet")),
        ({"observedGeneration": 2}, (False, "0 of 3 pods are new")),
        ({"observedGeneration": 2, "updatedReplicas": 1, "replicas": 3}, (False, "1 of 3 pods are new")),
        ({"observedGeneration": 2, "updatedReplicas": 3, "replicas": 4}, (False, "1 old pods still run")),
        (
            {"observedGeneration": 2, "updatedReplicas": 3, "replicas": 3, "availableReplicas": 2},
            (False, "2 of 3 pods are available"),
        ),
        (
            {"observedGeneration": 2, "updatedReplicas": 3, "replicas": 3, "availableReplicas": 3},
            (True, "3 of 3 pods are available"),
        ),
        (
            {"observedGeneration": 2, "conditions": [{"type": "ReplicaFailure", "message": "quota"}]},
            (False, "0 of 3 pods are new: quota"),
        ),
        (
            {
                "observedGeneration": 2,
                "conditions": [
                    {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "timed out progressing"}
                ],
            },
            (False, "timed out progressing"),
        ),
    ],
)
def test_rollout(status: dict[str, Any], expected: tuple[bool, str]) -> None:
    """A rollout is complete when every pod is new and available; else it is said how far it is."""
    deployment = {"metadata": {"name": "web", "generation": 2}, "spec": {"replicas": 3}, "status": status}

    assert rollout(deployment) == expected
