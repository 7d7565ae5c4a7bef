"""Draining a node, at a real API server: evictions, budgets, and who stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
import yaml

from koprogo_fleet.core.errors import KubernetesError, WaitTimeout
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.kube import Cluster
from koprogo_fleet.kube.drain import MIRROR, drain

NAMESPACE = "drained"


@pytest.fixture
def cluster(kubernetes: Path) -> Iterator[Cluster]:
    """Yield a client of the API server."""
    with Cluster.from_file(kubernetes) as cluster:
        yield cluster


@pytest.fixture
def node(cluster: Cluster) -> Iterator[str]:
    """Yield a node that no kubelet runs."""
    name = f"koprogo-worker-{uuid4().hex[:8]}"
    cluster.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
    yield name
    for pod in cluster.pods_on(name):
        cluster.delete("v1", "Pod", pod.name, pod.namespace)
    cluster.delete("v1", "Node", name)


def run_pod(cluster: Cluster, node: str, name: str, **metadata: Any) -> None:
    """Put a pod on the node; nothing runs it, and it ends at once when it is deleted."""
    container = {"name": "main", "image": "none"}
    spec = {"nodeName": node, "containers": [container], "terminationGracePeriodSeconds": 0}
    toleration = {"operator": "Exists"}
    manifest = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": NAMESPACE, "name": name, "labels": {"app": name}, **metadata},
        "spec": {**spec, "tolerations": [toleration]},
    }
    cluster.apply(manifest)


def make_ready(kubernetes: Path, name: str) -> None:
    """Say of a pod what its kubelet would: a budget minds only pods that run."""
    config = yaml.safe_load(kubernetes.read_text())
    (cluster,), (user,) = config["clusters"], config["users"]
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    answer = requests.patch(
        f"{cluster['cluster']['server']}/api/v1/namespaces/{NAMESPACE}/pods/{name}/status",
        json={"status": status},
        headers={
            "Authorization": f"Bearer {user['user']['token']}",
            "Content-Type": "application/strategic-merge-patch+json",
        },
        verify=cluster["cluster"]["certificate-authority"],
        timeout=10,
    )
    assert answer.status_code == 200, answer.text


def owned(cluster: Cluster, name: str) -> list[dict[str, Any]]:
    """Return the reference to a controller: an object that exists, and of which no controller minds the pods' labels."""
    metadata = {"namespace": NAMESPACE, "name": name}
    made = cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    return [{"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": made["metadata"]["uid"], "controller": True}]


def pods(cluster: Cluster, node: str) -> list[str]:
    """Return the names of the pods on the node."""
    return sorted(pod.name for pod in cluster.pods_on(node))


def test_pods_leave_and_those_of_the_node_stay(cluster: Cluster, node: str) -> None:
    """A controller's pods are evicted, the kubelet's own stay, and the node takes no new ones."""
    run_pod(cluster, node, f"web-{node}", ownerReferences=owned(cluster, f"web-{node}"))
    run_pod(cluster, node, f"log-{node}", annotations={MIRROR: "of the kubelet"})

    assert drain(cluster, node, seconds=20)

    assert [f"log-{node}"] == pods(cluster, node)
    assert [True] == [item.unschedulable for item in cluster.nodes() if item.name == node]


def test_a_budget_is_respected(kubernetes: Path, cluster: Cluster, node: str) -> None:
    """A pod whose budget allows no disruption stays, and the error names both; the node stays cordoned."""
    name = f"db-{node}"
    run_pod(cluster, node, name, ownerReferences=owned(cluster, name))
    make_ready(kubernetes, name)
    budget = {"minAvailable": 1, "selector": {"matchLabels": {"app": name}}}
    metadata = {"namespace": NAMESPACE, "name": name}
    cluster.apply(
        {"apiVersion": cluster.eviction_version, "kind": "PodDisruptionBudget", "metadata": metadata, "spec": budget}
    )
    wait_for("the controller has counted", lambda: observed(cluster, name), seconds=20, interval=0.1)

    with pytest.raises(WaitTimeout, match=rf"{NAMESPACE}/{name}: Cannot evict pod.*disruption budget") as caught:
        drain(cluster, node, seconds=1)

    assert f"kubectl uncordon {node}" in str(caught.value.next_step)
    assert [name] == pods(cluster, node)
    cluster.delete(cluster.eviction_version, "PodDisruptionBudget", name, NAMESPACE)
    assert drain(cluster, node, seconds=20)
    assert [] == pods(cluster, node)


def observed(cluster: Cluster, name: str) -> None:
    """Raise until the budget's status is there."""
    budget = cluster.get(cluster.eviction_version, "PodDisruptionBudget", name, NAMESPACE) or {}
    if not (budget.get("status") or {}).get("currentHealthy"):
        raise NotYet(str(budget.get("status")))


def test_a_pod_that_nobody_makes_again_is_not_lost(cluster: Cluster, node: str) -> None:
    """A pod without a controller stops the drain before anything is evicted, and is named."""
    run_pod(cluster, node, f"web-{node}", ownerReferences=owned(cluster, f"web-{node}"))
    run_pod(cluster, node, f"alone-{node}")

    with pytest.raises(KubernetesError, match=f"{NAMESPACE}/alone-{node}"):
        drain(cluster, node, seconds=5)

    assert [f"alone-{node}", f"web-{node}"] == pods(cluster, node)


def test_a_node_that_the_cluster_does_not_know(cluster: Cluster) -> None:
    """It needs no drain, and none is made."""
    assert not drain(cluster, "koprogo-worker-99", seconds=5)
    assert "koprogo-worker-99" not in {node.name for node in cluster.nodes()}
