"""Who a node needs a route to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from koprogo_fleet.lab.standin.node import pod_network
from koprogo_fleet.lab.standin.node.pod_network import Peer


def _node(name: str, address: str | None, pods: str | None) -> dict[str, Any]:
    addresses = [{"type": "Hostname", "address": name}]
    if address:
        addresses.append({"type": "InternalIP", "address": address})
    return {
        "metadata": {"name": name},
        "spec": {"podCIDR": pods} if pods else {},
        "status": {"addresses": addresses},
    }


def test_routes_lead_to_every_other_node_that_has_pods() -> None:
    """The node itself, a node without an address and one without a part of the pod network get no route."""
    nodes = [
        _node("a", "10.0.0.1", "10.42.0.0/24"),
        _node("b", "10.0.0.2", "10.42.1.0/24"),
        _node("c", "10.0.0.3", None),
        _node("d", None, "10.42.3.0/24"),
    ]

    assert pod_network.peers_of(nodes, "a") == (Peer("10.0.0.2", "10.42.1.0/24"),)


def test_the_runtime_is_told_the_nodes_own_part(tmp_path: Path) -> None:
    """Addresses of pods come from the node's part of the pod network, and packets have the size that the vRack takes."""
    pod_network.write_cni_config(tmp_path, "10.42.1.0/24", 1450)

    plugin = json.loads((tmp_path / pod_network.CONFIG_NAME).read_text())["plugins"][0]
    assert (plugin["ipam"]["ranges"], plugin["mtu"]) == ([[{"subnet": "10.42.1.0/24"}]], 1450)
