"""
Which ports a node opens, to whom: to its peers by their addresses in the vRack, and to nobody else but for SSH.

The seed's tables, corrected: 10251 and 10252 are left out, for Kubernetes removed them (scheduler and controller manager
serve 10259 and 10257, on the loopback alone in K3s); the overlay needs its UDP port; etcd is for control planes alone; of
the NodePorts only the two ingress ports are open, to the load balancer, see :mod:`.node_ports`.
Ports: K3s' "Requirements", section "Networking".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address

from koprogo_fleet.core.fleet import DedicatedServer, Fleet, Node, Role
from koprogo_fleet.hosts.baseline.node_ports import visitors
from koprogo_fleet.hosts.resources import Ufw, UfwRule

OVERLAY = {"vxlan": ("8472",), "wireguard-native": ("51820",), "auto": ("8472", "51820"), "host-gw": ()}
"""
The UDP ports of flannel's backends; host-gw sends pods' packets as they are.

Which one "auto" is, is found out after the firewall stands: both are open, to peers alone.
"""

KUBELET = "10250"
API_SERVER = "6443"
ETCD = "2379:2380"
SSH = "22"


def firewall(fleet: Fleet, node: Node) -> Ufw:
    """Return the whole rule set of *node*."""
    return Ufw(tuple(_rules(fleet, node)))


def peers_of(fleet: Fleet, node: Node) -> Sequence[tuple[str, IPv4Address]]:
    """Return the name and vRack address of every other machine of the fleet."""
    machines: tuple[Node | DedicatedServer, ...] = (*fleet.nodes, *fleet.dedicated_servers)
    return [(one.name, one.vrack_address) for one in machines if one.name != node.name]


def _rules(fleet: Fleet, node: Node) -> Iterator[UfwRule]:
    yield UfwRule(port=SSH, proto="tcp", comment="ssh")
    peers = peers_of(fleet, node)
    for name, address in peers:
        yield UfwRule(port=KUBELET, proto="tcp", source=str(address), comment=f"kubelet {name}")
    for overlay in OVERLAY[fleet.k3s.flannel_backend]:
        for name, address in peers:
            yield UfwRule(port=overlay, proto="udp", source=str(address), comment=f"flannel {name}")
    if node.role is Role.SERVER:
        for name, address in peers:
            yield UfwRule(port=API_SERVER, proto="tcp", source=str(address), comment=f"k3s api {name}")
        for peer in fleet.servers:
            if peer.name != node.name:
                yield UfwRule(port=ETCD, proto="tcp", source=str(peer.vrack_address), comment=f"etcd {peer.name}")
    for port, name in ((fleet.ingress.http, "http"), (fleet.ingress.https, "https")):
        for source in visitors(fleet):
            yield UfwRule(port=str(port), proto="tcp", source=str(source), comment=f"ingress {name}")
    yield UfwRule(source=str(fleet.network.pods), comment="pods")
    yield UfwRule(source=str(fleet.network.services), comment="services")
