"""
The pod network: each node's own part of the cluster network, and a route to every other part.

It is what flannel calls ``host-gw``, whatever backend was asked for: the nodes share one vRack, and a lab's kernel may lack
tunnel devices. Pods hang on routed veth pairs (the CNI plugin ``ptp``), so that even traffic between two pods of one node
passes the kernel's routing and kube-proxy's rules, with or without br_netfilter.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.core.files import write_atomically

ROUTE_PROTOCOL = "177"
"""Marks our routes in the kernel's table; the number is nobody else's."""
CONFIG_NAME = "10-koprogo.conflist"
DEVICES = {"wireguard-native": ("wireguard",), "vxlan": ("vxlan", "id", "1", "local", "127.0.0.1", "dstport", "8472")}
"""What ``ip link add`` is given for flannel's device, by backend."""


@dataclass(frozen=True)
class Peer:
    """Another node: its address, and the part of the pod network that it holds."""

    address: str
    pods: str


def peers_of(nodes: Iterable[dict[str, Any]], own_name: str) -> tuple[Peer, ...]:
    """Return the other nodes that have both an address and a part of the pod network."""
    peers = []
    for node in nodes:
        pods = node["spec"].get("podCIDR")
        address = internal_address(node)
        if node["metadata"]["name"] != own_name and pods and address:
            peers.append(Peer(address, pods))
    return tuple(peers)


def internal_address(node: dict[str, Any]) -> str | None:
    """Return the node's InternalIP."""
    addresses = node.get("status", {}).get("addresses") or ()
    return next((entry["address"] for entry in addresses if entry["type"] == "InternalIP"), None)


def require_backend(backend: str) -> None:
    """
    Make sure that the kernel has the device that flannel would make: in a network of its own, which ends at once.

    Raises:
        KubernetesError: it has not; K3s ends, too.
    """
    if device := DEVICES.get(backend):
        probe = ["unshare", "--net", "ip", "link", "add", "kf-probe", "type", *device]
        try:
            _run(*probe)
        except KubernetesError as error:
            raise KubernetesError(f"flannel exited: failed to set up backend {backend}: {error}") from error


def write_cni_config(directory: Path, own_pods: str, mtu: int) -> None:
    """Tell containerd this node's part of the pod network; the kubelet becomes Ready then."""
    document = {
        "cniVersion": "0.4.0",
        "name": "koprogo-host-gw",
        "plugins": [
            {
                "type": "ptp",
                "mtu": mtu,
                "ipMasq": False,
                "ipam": {
                    "type": "host-local",
                    "ranges": [[{"subnet": own_pods}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                    "dataDir": "/run/k3s/cni",
                },
            },
            {"type": "portmap", "capabilities": {"portMappings": True}},
        ],
    }
    write_atomically(directory / CONFIG_NAME, json.dumps(document, indent=2))


def sync_routes(peers: Iterable[Peer]) -> None:
    """
    Make our routes be exactly those to *peers*.

    Raises:
        KubernetesError: ``ip`` refuses, such as for a peer that is not on a network of ours.
    """
    wanted = {peer.pods: peer.address for peer in peers}
    present = {
        route["dst"]: route.get("gateway")
        for route in json.loads(_run("ip", "-json", "route", "show", "proto", ROUTE_PROTOCOL) or "[]")
    }
    for pods in present.keys() - wanted.keys():
        _run("ip", "route", "del", pods, "proto", ROUTE_PROTOCOL)
    for pods, address in wanted.items():
        if present.get(pods) != address:
            _run("ip", "route", "replace", pods, "via", address, "proto", ROUTE_PROTOCOL)


def ensure_forwarding(cluster_pods: str) -> None:
    """Let pods through this node, and give what leaves the pod network the node's address, as flannel does."""
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    for table, chain, rule in (
        ("filter", "FORWARD", ("-s", cluster_pods, "-j", "ACCEPT")),
        ("filter", "FORWARD", ("-d", cluster_pods, "-j", "ACCEPT")),
        ("nat", "POSTROUTING", ("-s", cluster_pods, "!", "-d", cluster_pods, "-j", "MASQUERADE")),
    ):
        try:
            _run("iptables", "-w", "10", "-t", table, "-C", chain, *rule)
        except KubernetesError:  # it is not there
            _run("iptables", "-w", "10", "-t", table, "-A", chain, *rule)


def mtu_towards(address: str) -> int:
    """Return the MTU of the interface that has *address*."""
    for link in json.loads(_run("ip", "-json", "address", "show")):
        if any(entry.get("local") == address for entry in link["addr_info"]):
            return int(link["mtu"])
    raise KubernetesError(f"no interface of this node has the address {address} (node-ip)")


def _run(*command: str) -> str:
    completed = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    if completed.returncode != 0:
        raise KubernetesError(f"{' '.join(command)}: {completed.stderr.strip()}")
    return completed.stdout
