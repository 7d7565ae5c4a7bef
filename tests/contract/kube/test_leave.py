"""Workers that leave a cluster, at a real API server: who is drained, who is not, and what is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
import yaml

from koprogo_fleet.core.errors import KubernetesError, WaitTimeout
from koprogo_fleet.core.events import Event, Note
from koprogo_fleet.kube import Cluster
from koprogo_fleet.workflows.phases.leave import empty


class Api:
    """The API server, by its client and, for what only kubelets do, by HTTP."""

    def __init__(self, kubeconfig: Path, cluster: Cluster) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        (where,), (user,) = config["clusters"], config["users"]
        self.cluster = cluster
        self._url, self._authority = where["cluster"]["server"], where["cluster"]["certificate-authority"]
        self._token = user["user"]["token"]

    def status(self, path: str, status: dict[str, Any]) -> None:
        """Say of an object what its kubelet would."""
        answer = requests.patch(
            f"{self._url}/api/v1/{path}/status",
            json={"status": status},
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/strategic-merge-patch+json",
            },
            verify=self._authority,
            timeout=10,
        )
        assert answer.status_code == 200, answer.text

    def node(self, name: str, *, ready: str) -> None:
        """Make a node, or say that it is Ready, or not any more."""
        self.cluster.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
        self.status(f"nodes/{name}", {"conditions": [{"type": "Ready", "status": ready, "reason": "Test"}]})

    def pod(self, name: str, node: str) -> None:
        """Put a pod of some controller onto a node."""
        owner = {"namespace": "leaving", "name": name}
        made = self.cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": owner})
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": made["metadata"]["uid"]}
        container = {"name": "main", "image": "none"}
        spec = {"nodeName": node, "containers": [container], "terminationGracePeriodSeconds": 0}
        self.cluster.apply(
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {**owner, "ownerReferences": [{**reference, "controller": True}]},
                "spec": {**spec, "tolerations": [{"operator": "Exists"}]},
            }
        )

    def pods(self, *nodes: str) -> list[int]:
        """Count the pods on each node."""
        return [len(self.cluster.pods_on(node)) for node in nodes]

    def cordoned(self, *nodes: str) -> set[str]:
        """Return those of the nodes that take no pods."""
        return {node.name for node in self.cluster.nodes() if node.unschedulable and node.name in nodes}


@pytest.fixture
def api(kubernetes: Path) -> Iterator[Api]:
    """Yield the API server."""
    with Cluster.from_file(kubernetes) as cluster:
        yield Api(kubernetes, cluster)


@pytest.fixture
def pair(api: Api) -> Iterator[tuple[str, str]]:
    """Yield two workers that are Ready, with a pod each."""
    names = tuple(f"koprogo-worker-{uuid4().hex[:8]}" for _ in range(2))
    for name in names:
        api.node(name, ready="True")
        api.pod(f"web-{name}", name)
    yield names[0], names[1]
    for name in names:
        for pod in api.cluster.pods_on(name):
            api.cluster.delete("v1", "Pod", pod.name, pod.namespace)
        api.cluster.delete("v1", "Node", name)


def test_all_are_drained(api: Api, pair: tuple[str, str]) -> None:
    """Every worker that leaves is cordoned and without pods; one that the cluster does not know is not missed."""
    empty(api.cluster, [*pair, "koprogo-worker-99"], (), seconds=20)

    assert [0, 0] == api.pods(*pair)
    assert set(pair) == api.cordoned(*pair)


def test_a_dead_worker_stops_it_before_any_pod_moves(api: Api, pair: tuple[str, str]) -> None:
    """It is waited for in vain, no longer than it may be; the error names it and the option that goes on without it."""
    api.node(pair[1], ready="Unknown")

    with pytest.raises(WaitTimeout, match=f"{pair[1]} Ready.*NotReady") as caught:
        empty(api.cluster, pair, (), seconds=20, ready_seconds=0.3)

    assert f"--lost {pair[1]}" in str(caught.value.next_step)
    assert [1, 1] == api.pods(*pair)


def test_a_worker_that_is_given_up_is_not_waited_for(api: Api, pair: tuple[str, str]) -> None:
    """The others are drained; of the dead one it is said that it is not."""
    api.node(pair[1], ready="Unknown")
    told: list[Event] = []

    empty(api.cluster, pair, {pair[1]}, seconds=20, ready_seconds=0.3, listener=told.append)

    assert [0, 1] == api.pods(*pair)
    notes = [event.text for event in told if isinstance(event, Note)]
    assert [f"{pair[0]} is drained"] == notes[:1]
    assert "not drained" in notes[1]


def test_a_worker_that_dies_meanwhile(api: Api, pair: tuple[str, str]) -> None:
    """Its pods never end; when the patience is over it is said that it died, and what goes on."""
    hold(api, pair[0], "test.invalid/held")

    def dies(event: Event) -> None:
        if not isinstance(event, Note):
            api.node(pair[0], ready="Unknown")

    with pytest.raises(KubernetesError, match=f"{pair[0]} died while it was drained") as caught:
        empty(api.cluster, pair[:1], (), seconds=2, listener=dies)

    assert f"--lost {pair[0]}" in str(caught.value.next_step)
    hold(api, pair[0])


def hold(api: Api, node: str, *finalizers: str) -> None:
    """Hold a worker's pod, or hold it no more: as a kubelet that does not answer, a finalizer keeps it from ending."""
    metadata = {"namespace": "leaving", "name": f"web-{node}", "finalizers": list(finalizers)}
    api.cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata}, field_manager="finalizer")
