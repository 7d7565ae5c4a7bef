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


def rollout(deployment: Mapping[str, Any]) -> tuple[bool, str]:
    """Say whether every replica of a Deployment is new and available, and how far it is (kubectl's own rule)."""
    status = deployment.get("status") or {}
    wanted = (deployment.get("spec") or {}).get("replicas", 1)
    if status.get("observedGeneration", 0) < deployment["metadata"].get("generation", 0):
        return False, "the controller has not looked at it yet"
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


def _why_not(status: Mapping[str, Any]) -> str:
    failure = _condition(status, "ReplicaFailure").get("message")
    return f": {failure}" if failure else ""


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    conditions: Iterable[Mapping[str, Any]] = status.get("conditions") or ()
    return next((condition for condition in conditions if condition.get("type") == kind), {})
