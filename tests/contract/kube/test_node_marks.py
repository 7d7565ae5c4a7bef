"""What an upgrade says and asks at a real API server: whose cordon it is, and whether Longhorn's volumes are whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.kube import Cluster
from koprogo_fleet.kube.longhorn import unsettled

MARK = "koprogo.io/upgrade"
NODE = "koprogo-worker-marked"
LONGHORN = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "volumes.longhorn.io"},
    "spec": {
        "group": "longhorn.io",
        "scope": "Namespaced",
        "names": {"kind": "Volume", "plural": "volumes", "singular": "volume", "listKind": "VolumeList"},
        "versions": [
            {
                "name": "v1beta2",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
                    }
                },
            }
        ],
    },
}


@pytest.fixture
def cluster(kubernetes: Path) -> Iterator[Cluster]:
    """Yield a client of the API server, which knows one node."""
    with Cluster.from_file(kubernetes) as cluster:
        cluster.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE}})
        yield cluster
        cluster.delete("v1", "Node", NODE)


def unschedulable(cluster: Cluster) -> bool:
    """Say whether the node takes no pods."""
    (node,) = (node for node in cluster.nodes() if node.name == NODE)
    return node.unschedulable


def test_a_cordon_says_whose_it_is(cluster: Cluster) -> None:
    """Cordon and mark come and go together, so that a run that was killed is told from a person."""
    cluster.mark_cordoned(NODE, MARK, "v1.34.1+k3s1")
    assert (True, "v1.34.1+k3s1") == (unschedulable(cluster), cluster.annotation(NODE, MARK))

    cluster.uncordon(NODE, MARK)
    assert (False, "") == (unschedulable(cluster), cluster.annotation(NODE, MARK))

    cluster.cordon(NODE)
    assert (True, "") == (unschedulable(cluster), cluster.annotation(NODE, MARK))
    assert not cluster.annotation("no-such-node", MARK)


def test_longhorn_s_volumes_are_asked_for_where_there_are_any(cluster: Cluster) -> None:
    """None without Longhorn; with it, those of all namespaces, and which of them hold a node."""
    assert cluster.longhorn_volumes() is None

    cluster.apply(LONGHORN)

    def served() -> None:
        if cluster.longhorn_volumes() is None:
            raise NotYet("no such kind yet")

    wait_for("the kind to be served", served, seconds=20, interval=0.2)
    for name, robustness in (("whole", "healthy"), ("rebuilding", "degraded")):
        cluster.apply(
            {
                "apiVersion": "longhorn.io/v1beta2",
                "kind": "Volume",
                "metadata": {"namespace": "longhorn-system", "name": name},
                "status": {"state": "attached", "robustness": robustness},
            }
        )
    volumes = cluster.longhorn_volumes()
    cluster.delete("apiextensions.k8s.io/v1", "CustomResourceDefinition", "volumes.longhorn.io")

    assert volumes is not None
    assert ["rebuilding", "whole"] == sorted(volume.name for volume in volumes)
    assert ["longhorn-system/rebuilding (attached, degraded)"] == [str(volume) for volume in unsettled(volumes)]
