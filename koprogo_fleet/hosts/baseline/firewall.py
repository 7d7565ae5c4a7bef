"""
Which ports a node opens, to whom.

The seed's tables, corrected: 10251 and 10252 were removed from Kubernetes years ago; the overlay needs its UDP port;
etcd is for control planes alone; of the NodePorts only the two ingress ports are open, and not the whole range.
Ports: K3s' "Networking" requirements.
"""

from __future__ import annotations

from collections.abc import Iterator

from koprogo_fleet.core.fleet import Fleet, Node, Role
from koprogo_fleet.hosts.resources import Ufw, UfwRule

FLANNEL_VXLAN = 8472
FLANNEL_WIREGUARD = 51820
KUBELET = 10250
API_SERVER = 6443
ETCD = "2379:2380"
SSH = 22


def firewall(fleet: Fleet, node: Node) -> Ufw:
    """Return the whole rule set of *node*."""
    return Ufw(tuple(_rules(fleet, node)))


def _rules(fleet: Fleet, node: Node) -> Iterator[UfwRule]:
    vrack = str(fleet.network.vrack)
    yield UfwRule(port=str(SSH), proto="tcp", comment="ssh")
    yield UfwRule(port=str(KUBELET), proto="tcp", source=vrack, comment="kubelet")
    yield UfwRule(port=str(FLANNEL_VXLAN), proto="udp", source=vrack, comment="flannel vxlan")
    yield UfwRule(port=str(FLANNEL_WIREGUARD), proto="udp", source=vrack, comment="flannel wireguard")
    if node.role is Role.SERVER:
        yield UfwRule(port=str(API_SERVER), proto="tcp", source=vrack, comment="k3s api")
        for peer in fleet.servers:
            yield UfwRule(port=ETCD, proto="tcp", source=f"{peer.vrack_address}", comment=f"etcd {peer.name}")
    for port, name in ((fleet.ingress.http, "http"), (fleet.ingress.https, "https")):
        yield UfwRule(port=str(port), proto="tcp", source=vrack, comment=f"ingress {name}")
    yield UfwRule(source=str(fleet.network.pods), comment="pods")
    yield UfwRule(source=str(fleet.network.services), comment="services")
