"""What status fields mean: a table."""

from __future__ import annotations

from typing import Any

import pytest

from koprogo_fleet.core.fleet import Role
from koprogo_fleet.kube.status import NodeStatus, node_status, pod_status, rollout


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


@pytest.mark.parametrize(
    ("kind", "spec", "status", "expected"),
    [
        (
            "StatefulSet",
            {"replicas": 2},
            {"updateRevision": "b", "currentRevision": "a", "updatedReplicas": 1, "readyReplicas": 2},
            (False, "1 of 2 pods are new, 2 are ready"),
        ),
        (
            "StatefulSet",
            {"replicas": 2},
            {"updateRevision": "b", "currentRevision": "b", "updatedReplicas": 2, "readyReplicas": 1},
            (False, "1 of 2 pods are ready"),
        ),
        (
            "StatefulSet",
            {"replicas": 2},
            {"updateRevision": "b", "currentRevision": "b", "readyReplicas": 2},
            (True, "2 of 2 pods are ready"),
        ),
        (
            "StatefulSet",
            {"updateStrategy": {"type": "OnDelete"}},
            {},
            (False, "its update strategy is OnDelete: its pods are never made anew"),
        ),
        (
            "DaemonSet",
            {},
            {"desiredNumberScheduled": 3, "updatedNumberScheduled": 1, "numberAvailable": 3},
            (False, "1 of 3 pods are new"),
        ),
        (
            "DaemonSet",
            {},
            {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 2},
            (False, "2 of 3 pods are available"),
        ),
        (
            "DaemonSet",
            {},
            {"desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3},
            (True, "3 of 3 pods are available"),
        ),
    ],
)
def test_rollout_of_other_workloads(
    kind: str, spec: dict[str, Any], status: dict[str, Any], expected: tuple[bool, str]
) -> None:
    """Each kind of workload by its own fields."""
    metadata = {"generation": 1}
    workload = {"kind": kind, "metadata": metadata, "spec": spec, "status": {"observedGeneration": 1, **status}}

    assert expected == rollout(workload)


@pytest.mark.parametrize(
    ("status", "ready", "why_not"),
    [
        ({"conditions": [{"type": "Ready", "status": "True"}]}, True, ""),
        (
            {"containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}}]},
            False,
            "ErrImagePull: no such image",
        ),
        (
            {"containerStatuses": [{"state": {"terminated": {"reason": "Error"}}}]},
            False,
            "Error",
        ),
        (
            {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]},
            False,
            "0/3 nodes are available",
        ),
        ({}, False, ""),
    ],
)
def test_a_pod_says_why_it_is_not_ready(status: dict[str, Any], *, ready: bool, why_not: str) -> None:
    """What the kubelet or the scheduler says."""
    found = pod_status({"metadata": {"name": "p"}, "status": status})

    assert (ready, why_not) == (found.ready, found.why_not)


def test_a_pod_that_goes_is_not_ready() -> None:
    """A pod on its way out may still answer, and does not count."""
    metadata = {"name": "p", "deletionTimestamp": "2026-01-01T00:00:00Z"}
    found = pod_status({"metadata": metadata, "status": {"conditions": [{"type": "Ready", "status": "True"}]}})

    assert (False, True) == (found.ready, found.going)
