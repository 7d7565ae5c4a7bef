"""
One address for the API that the servers hold in turn: kube-vip as a static pod of each, by ARP in the vRack.

Source: kube-vip's "Static Pods" page and the pod that its ``manifest pod --controlplane --arp --leaderElection`` prints.
It reads K3s' own kubeconfig, which leads to the API server of the same machine.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from ipaddress import IPv4Address

from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.resource import Decision, Fact, NotApplicable

REGISTRY = "ghcr.io"
IMAGE = f"{REGISTRY}/kube-vip/kube-vip:v0.9.1"

LEASE_SECONDS = {"vip_leaseduration": "15", "vip_renewdeadline": "10", "vip_retryperiod": "2"}
"""Kubernetes' own times for an election: kube-vip's 5, 3 and 1 give the address away whenever etcd elects a leader."""


def manifest(address: IPv4Address, interface: str, port: int) -> str:
    """Return the static pod (JSON is YAML) that holds *address* on *interface* while its server is the leader."""
    settings = {
        "vip_arp": "true",
        "vip_interface": interface,
        "vip_subnet": "32",
        "address": str(address),
        "port": str(port),
        "cp_enable": "true",
        "cp_namespace": "kube-system",
        "svc_enable": "false",
        "vip_leaderelection": "true",
        "vip_leasename": "plndr-cp-lock",
        **LEASE_SECONDS,
        "prometheus_server": "127.0.0.1:2112",
    }
    node_name = {"name": "vip_nodename", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}
    container = {
        "name": "kube-vip",
        "image": IMAGE,
        "imagePullPolicy": "IfNotPresent",
        "args": ["manager"],
        "env": [*({"name": name, "value": value} for name, value in settings.items()), node_name],
        "securityContext": {"capabilities": {"add": ["NET_ADMIN", "NET_RAW"], "drop": ["ALL"]}},
        "volumeMounts": [{"name": "kubeconfig", "mountPath": "/etc/kubernetes/admin.conf", "readOnly": True}],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "kube-vip", "namespace": "kube-system"},
        "spec": {
            "hostNetwork": True,
            "priorityClassName": "system-node-critical",
            "containers": [container],
            "volumes": [{"name": "kubeconfig", "hostPath": {"path": paths.KUBECONFIG, "type": "File"}}],
        },
    }
    return json.dumps(pod, indent=2) + "\n"


@dataclass(frozen=True)
class Unavailable:
    """Something that was asked for, and that this node cannot have: told in every report, never as done."""

    what: str
    reason: str

    @property
    def name(self) -> str:
        """What it is."""
        return self.what

    def look(self) -> str:
        """Look at nothing: it was found out before."""
        return ":"

    def decide(self, _fact: Fact) -> Decision:
        """Tell why."""
        return NotApplicable(self.reason)
