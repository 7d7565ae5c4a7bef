"""Emptying a node before it goes, as ``kubectl drain --ignore-daemonsets --delete-emptydir-data`` does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.core.events import Listener, ignore
from koprogo_fleet.core.wait import NotYet, wait_for

MIRROR = "kubernetes.io/config.mirror"
"""The kubelet's annotation on the pods of its own files: no API deletes those (kubectl's drain skips them, too)."""

SECONDS = 300.0


@dataclass(frozen=True)
class Pod:
    """
    A pod on a node.

    Attributes:
        stays: it belongs to the node: a DaemonSet's, or the kubelet's own.
        managed: a controller makes another one elsewhere.
        finished: it has run to its end: there is nothing to move.
        going: its deletion has begun.
    """

    namespace: str
    name: str
    uid: str
    stays: bool
    managed: bool
    finished: bool
    going: bool

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


class Drainable(Protocol):
    """What a drain needs of a cluster."""

    def cordon(self, node: str) -> bool:
        """Let no new pod onto *node*; say whether there is such a node."""
        ...

    def pods_on(self, node: str) -> tuple[Pod, ...]:
        """Return the pods that are on *node*."""
        ...

    def evict(self, pod: Pod) -> str:
        """Ask for a pod's eviction; return why it is not allowed now, or nothing."""
        ...


def pod_of(item: Mapping[str, Any]) -> Pod:
    """Read a Pod object."""
    metadata, status = item["metadata"], item.get("status") or {}
    owners = [owner for owner in metadata.get("ownerReferences") or () if owner.get("controller")]
    return Pod(
        namespace=metadata["namespace"],
        name=metadata["name"],
        uid=metadata["uid"],
        stays=MIRROR in (metadata.get("annotations") or {}) or any(owner["kind"] == "DaemonSet" for owner in owners),
        managed=bool(owners),
        finished=status.get("phase") in {"Succeeded", "Failed"},
        going=metadata.get("deletionTimestamp") is not None,
    )


def leaving(pods: Iterable[Pod]) -> tuple[Pod, ...]:
    """Return those that have to leave before the node goes."""
    return tuple(pod for pod in pods if not pod.stays and not pod.finished)


def drain(cluster: Drainable, node: str, *, seconds: float = SECONDS, listener: Listener = ignore) -> bool:
    """
    Cordon *node*, evict its pods as their disruption budgets allow, and wait until they are gone.

    What is in an emptyDir is lost with its pod. After an error the node stays cordoned: run the same again, or
    ``kubectl uncordon``.

    Args:
        cluster: where.
        node: its name; one that the cluster does not know needs no drain.
        seconds: how long it may take until the last pod is gone.
        listener: told what is waited for.

    Returns:
        whether the cluster knows the node.

    Raises:
        KubernetesError: a pod has no controller, so that nobody would make it again.
        WaitTimeout: pods are still there; says which, and which budget holds them.
    """
    if not cluster.cordon(node):
        return False
    if alone := [str(pod) for pod in leaving(cluster.pods_on(node)) if not pod.managed]:
        raise KubernetesError(
            f"{node} cannot be drained: nobody would make these pods again: {', '.join(alone)}",
            cause="they were made by hand: no Deployment, StatefulSet or Job has them",
            next_step=f"delete them, or give them a controller; then run the same again (or: kubectl uncordon {node})",
        )

    def look() -> None:
        pods = leaving(cluster.pods_on(node))
        held = {pod: reason for pod in pods if not pod.going and (reason := cluster.evict(pod))}
        if held:
            raise NotYet("; ".join(f"{pod}: {reason}" for pod, reason in held.items()))
        if pods:
            raise NotYet(f"going: {', '.join(map(str, pods))}")

    wait_for(
        f"{node} without pods",
        look,
        seconds=seconds,
        listener=listener,
        cause="a disruption budget allows no pod less, or a pod takes long to end",
        next_step=f"kubectl get pdb,pods -A -o wide; then run the same again, or give up: kubectl uncordon {node}",
    )
    return True
