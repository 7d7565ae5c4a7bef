"""What the status fields of Kubernetes objects mean. Pure: JSON in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from koprogo_fleet.core.fleet import Role

SERVER_LABELS = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")


@dataclass(frozen=True)
class NodeStatus:
    """A node as the cluster sees it. *version* is the kubelet's; *internal_ip* is empty until it is known."""

    name: str
    ready: bool
    role: Role
    version: str
    internal_ip: str
    unschedulable: bool


def node_status(node: Mapping[str, Any]) -> NodeStatus:
    """Read a Node object."""
    labels = node["metadata"].get("labels") or {}
    status = node.get("status") or {}
    addresses = {address["type"]: address["address"] for address in status.get("addresses") or ()}
    return NodeStatus(
        name=node["metadata"]["name"],
        ready=_condition(status, "Ready").get("status") == "True",
        role=Role.SERVER if any(label in labels for label in SERVER_LABELS) else Role.AGENT,
        version=(status.get("nodeInfo") or {}).get("kubeletVersion", ""),
        internal_ip=addresses.get("InternalIP", ""),
        unschedulable=bool((node.get("spec") or {}).get("unschedulable")),
    )


def rollout(workload: Mapping[str, Any]) -> tuple[bool, str]:
    """
    Say whether every pod of a workload is new and available, and how far it is (kubectl's own rules).

    A Deployment, a StatefulSet or a DaemonSet; what has no kind is taken for a Deployment.
    """
    status = workload.get("status") or {}
    if status.get("observedGeneration", 0) < workload["metadata"].get("generation", 0):
        return False, "the controller has not looked at it yet"
    match workload.get("kind"):
        case "StatefulSet":
            return _stateful_set(workload.get("spec") or {}, status)
        case "DaemonSet":
            return _daemon_set(workload.get("spec") or {}, status)
        case _:
            return _deployment(workload.get("spec") or {}, status)


def _deployment(spec: Mapping[str, Any], status: Mapping[str, Any]) -> tuple[bool, str]:
    wanted = spec.get("replicas", 1)
    progressing = _condition(status, "Progressing")
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return False, progressing.get("message") or "its progress deadline has passed"
    updated, total, available = (status.get(field, 0) for field in ("updatedReplicas", "replicas", "availableReplicas"))
    if updated < wanted:
        return False, f"{updated} of {wanted} pods are new" + _why_not(status)
    if total > updated:
        return False, f"{total - updated} old pods still run"
    if available < updated:
        return False, f"{available} of {updated} pods are available" + _why_not(status)
    return True, f"{available} of {wanted} pods are available"


def _stateful_set(spec: Mapping[str, Any], status: Mapping[str, Any]) -> tuple[bool, str]:
    if not_by_itself := _not_by_itself(spec):
        return False, not_by_itself
    wanted = spec.get("replicas", 1)
    ready = status.get("readyReplicas", 0)
    if status.get("updateRevision") != status.get("currentRevision") or status.get("updatedReplicas", wanted) < wanted:
        return False, f"{status.get('updatedReplicas', 0)} of {wanted} pods are new, {ready} are ready"
    if ready < wanted:
        return False, f"{ready} of {wanted} pods are ready"
    return True, f"{ready} of {wanted} pods are ready"


def _daemon_set(spec: Mapping[str, Any], status: Mapping[str, Any]) -> tuple[bool, str]:
    if not_by_itself := _not_by_itself(spec):
        return False, not_by_itself
    wanted = status.get("desiredNumberScheduled", 0)
    updated, available = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    if updated < wanted:
        return False, f"{updated} of {wanted} pods are new"
    if available < wanted:
        return False, f"{available} of {wanted} pods are available"
    return True, f"{available} of {wanted} pods are available"


def _not_by_itself(spec: Mapping[str, Any]) -> str:
    strategy = (spec.get("updateStrategy") or {}).get("type", "RollingUpdate")
    return "" if strategy == "RollingUpdate" else f"its update strategy is {strategy}: its pods are never made anew"


@dataclass(frozen=True)
class PodStatus:
    """
    A pod of a workload.

    Attributes:
        ready: its containers are, and it is not on its way out.
        going: its deletion has begun.
        why_not: what keeps it from being ready, as the kubelet or the scheduler says; empty where nobody says.
        annotations: of the pod.
    """

    name: str
    ready: bool
    going: bool
    why_not: str
    annotations: Mapping[str, str]


def pod_status(pod: Mapping[str, Any]) -> PodStatus:
    """Read a Pod object."""
    status, metadata = pod.get("status") or {}, pod["metadata"]
    going = "deletionTimestamp" in metadata
    ready = _condition(status, "Ready").get("status") == "True" and not going
    return PodStatus(
        metadata["name"], ready, going, "" if ready else _waits_for(status), dict(metadata.get("annotations") or {})
    )


def _waits_for(status: Mapping[str, Any]) -> str:
    containers = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    for state in (container.get("state") or {} for container in containers):
        for found in (state.get("waiting"), state.get("terminated")):
            if found and found.get("reason") not in {None, "Completed", "PodInitializing"}:
                return f"{found['reason']}: {found.get('message', '')}".rstrip(": ")
    for kind in ("PodScheduled", "Ready"):
        condition = _condition(status, kind)
        if condition.get("status") == "False":
            return str(condition.get("message") or condition.get("reason") or "")
    return ""


def workload_rollout(workload: Mapping[str, Any], kind: str) -> tuple[bool, str]:
    """Say the same of a Deployment, a StatefulSet or a DaemonSet."""
    if kind == "Deployment":
        return rollout(workload)
    status = workload.get("status") or {}
    if status.get("observedGeneration", 0) < workload["metadata"].get("generation", 0):
        return False, "the controller has not looked at it yet"
    if kind == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        new, ready = status.get("updatedNumberScheduled", 0), status.get("numberAvailable", 0)
    else:
        wanted = (workload.get("spec") or {}).get("replicas", 1)
        new, ready = status.get("updatedReplicas", 0), status.get("readyReplicas", 0)
    if new < wanted:
        return False, f"{new} of {wanted} pods are new"
    return ready >= wanted, f"{ready} of {wanted} pods are ready"


def is_true(thing: Mapping[str, Any], condition: str) -> tuple[bool, str]:
    """Say whether an object's *condition* is True, and what it says otherwise."""
    found = _condition(thing.get("status") or {}, condition)
    said = found.get("message") or found.get("reason") or f"nothing is said about {condition} yet"
    return found.get("status") == "True", str(said)


def _why_not(status: Mapping[str, Any]) -> str:
    failure = _condition(status, "ReplicaFailure").get("message")
    return f": {failure}" if failure else ""


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    conditions: Iterable[Mapping[str, Any]] = status.get("conditions") or ()
    return next((condition for condition in conditions if condition.get("type") == kind), {})
