"""What helm's complaints and the states of pods mean, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from koprogo_fleet.helm.explain import likely_cause, pod_troubles


@pytest.mark.parametrize(
    ("complaint", "cause"),
    [
        (
            "Error: UPGRADE FAILED: values don't meet the specifications of the schema(s) in the following chart(s):",
            "the chart's values.schema.json refuses the values",
        ),
        (
            'Error: Kubernetes cluster unreachable: Get "https://127.0.0.1:9/version": connection refused',
            "the Kubernetes API does not answer, or the tunnel to it is lost",
        ),
        (
            "The connection to the server 127.0.0.1:9 was refused - did you specify the right host or port?",
            "the Kubernetes API does not answer, or the tunnel to it is lost",
        ),
        (
            "Error: UPGRADE FAILED: another operation (install/upgrade/rollback) is in progress",
            "another Helm is at work on this release",
        ),
        (
            'Service "api" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated',
            "another service has this NodePort",
        ),
        (
            "Error: resource Deployment/koprogo/koprogo-api not ready. status: InProgress, message: Replicas: 0/1",
            "not everything became ready before the release's timeout",
        ),
        (
            "Error: UPGRADE FAILED: context deadline exceeded",  # Helm 3
            "not everything became ready before the release's timeout",
        ),
        ("Error: something never seen", None),
    ],
)
def test_causes(complaint: str, cause: str | None) -> None:
    """Each complaint that is known has its cause and a next step."""
    found, next_step = likely_cause(complaint)

    assert found == cause
    assert (next_step is None) == (cause is None)


def pod(phase: str = "Pending", **status: Any) -> Mapping[str, Any]:
    """Return a pod as Kubernetes lists it."""
    return {"metadata": {"name": "api-1"}, "status": {"phase": phase, **status}}


def container(state: Mapping[str, Any], **more: Any) -> Mapping[str, Any]:
    """Return the status of a container."""
    return {"name": "api", "ready": False, "state": state, **more}


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        pytest.param(pod("Running", conditions=[{"type": "Ready", "status": "True"}]), (), id="ready"),
        pytest.param(pod("Succeeded"), (), id="a job's, done"),
        pytest.param(pod(), ("pod api-1: not ready",), id="nobody looked at it yet"),
        pytest.param(
            pod(conditions=[{"type": "PodScheduled", "status": "False", "message": "0/6 nodes are available"}]),
            ("pod api-1: not scheduled: 0/6 nodes are available",),
            id="no node for it",
        ),
        pytest.param(
            pod(containerStatuses=[container({"waiting": {"reason": "ContainerCreating"}})]),
            ("pod api-1: not ready",),
            id="on its way",
        ),
        pytest.param(
            pod(
                containerStatuses=[container({"waiting": {"reason": "ErrImageNeverPull", "message": "no such image"}})]
            ),
            ("pod api-1: api: ErrImageNeverPull: no such image",),
            id="no image",
        ),
        pytest.param(
            pod(
                containerStatuses=[
                    container(
                        {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
                        lastState={"terminated": {"exitCode": 1, "reason": "Error"}},
                    )
                ]
            ),
            ("pod api-1: api: CrashLoopBackOff: back-off 10s; api ended with exit code 1 (Error)",),
            id="it crashes",
        ),
        pytest.param(
            pod("Running", containerStatuses=[container({"running": {"startedAt": "now"}})]),
            ("pod api-1: api runs, but its readiness probe fails",),
            id="not well",
        ),
        pytest.param(
            pod(initContainerStatuses=[container({"terminated": {"exitCode": 2, "reason": "Error"}})]),
            ("pod api-1: api ended with exit code 2 (Error)",),
            id="an init container fails",
        ),
    ],
)
def test_pods(item: Mapping[str, Any], expected: tuple[str, ...]) -> None:
    """A pod that is not ready has one line that says why."""
    assert pod_troubles({"items": [item]}) == expected
