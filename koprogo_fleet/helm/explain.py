"""What helm's complaints and the states of pods mean. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_CAUSES = (
    (
        ("meet the specifications of the schema",),
        "the chart's values.schema.json refuses the values",
        "correct `values` of this release in releases.yaml",
    ),
    (
        ("failed calling webhook",),
        "an admission webhook does not answer: what serves it is not ready",
        "look at the pods that serve it; name the release that brings it in `needs`",
    ),
    (
        (
            "cluster unreachable",
            "connection to the server",
            "connection refused",
            "connection reset",
            "connection lost",
        ),
        "the Kubernetes API does not answer, or the tunnel to it is lost",
        "run the same again; if it stays, look at the control planes",
    ),
    (
        ("is in progress",),
        "another Helm is at work on this release",
        "wait until it is done, then run the same again",
    ),
    (
        ("port is already allocated",),
        "another service has this NodePort",
        "find it: kubectl get services --all-namespaces; then choose another port, or remove that service",
    ),
    (
        ("invalid ownership metadata",),
        "an object of this name exists, and Helm did not make it",
        "remove the object, or choose another name for the release",
    ),
    (
        ("no matches for kind",),
        "the cluster does not know this kind: a CustomResourceDefinition is missing",
        "install what brings it first: name that release in `needs`",
    ),
    (
        ("exceeded quota",),
        "the namespace's ResourceQuota is used up",
        "raise the quota, or lower the requests in `values`",
    ),
    (
        ("not ready", "context deadline exceeded", "timed out waiting for the condition"),
        "not everything became ready before the release's timeout",
        "see why: kubectl get pods, events; then correct it, or raise `timeout` in releases.yaml",
    ),
)

_QUIET_REASONS = frozenset({"ContainerCreating", "PodInitializing"})


def likely_cause(complaint: str) -> tuple[str | None, str | None]:
    """Return the likely cause of what helm or kubectl wrote on stderr, and the next step; None where unknown."""
    for phrases, cause, next_step in _CAUSES:
        if any(phrase in complaint for phrase in phrases):
            return cause, next_step
    return None, None


def pod_troubles(pods: Mapping[str, Any]) -> tuple[str, ...]:
    """Return one line for each pod (of a Kubernetes PodList) that is not ready: its name, and why."""
    return tuple(
        f"pod {pod['metadata']['name']}: {'; '.join(_troubles(pod.get('status', {}))) or 'not ready'}"
        for pod in pods["items"]
        if not _is_ready(pod.get("status", {})) and pod.get("status", {}).get("phase") != "Succeeded"
    )


def _is_ready(status: Mapping[str, Any]) -> bool:
    return any(
        condition["type"] == "Ready" and condition["status"] == "True" for condition in status.get("conditions", ())
    )


def _troubles(status: Mapping[str, Any]) -> Iterator[str]:
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            yield f"not scheduled: {condition.get('message') or condition.get('reason', 'no reason given')}"
    for container in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
        waiting = container.get("state", {}).get("waiting", {})
        ended = container.get("state", {}).get("terminated") or container.get("lastState", {}).get("terminated")
        if (reason := waiting.get("reason")) and reason not in _QUIET_REASONS:
            yield f"{container['name']}: {reason}" + (f": {text}" if (text := waiting.get("message")) else "")
        if ended and ended.get("exitCode"):
            yield f"{container['name']} ended with exit code {ended['exitCode']} ({ended.get('reason', 'no reason')})"
        if container.get("state", {}).get("running") and not container.get("ready"):
            yield f"{container['name']} runs, but its readiness probe fails"
