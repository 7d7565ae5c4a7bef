"""``/etc/rancher/k3s/config.yaml``: every cluster-wide key on every server, each node's own addresses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import IPv4Address

from koprogo_fleet.core.fleet import Fleet, Node, Role
from koprogo_fleet.core.sections import FIRST_SERVER
from koprogo_fleet.hosts.k3s import hardening, paths, snapshots
from koprogo_fleet.hosts.k3s.setup import Setup

API_PORT = 6443
CONTROL_PLANE_TAINT = "node-role.kubernetes.io/control-plane=true:NoSchedule"

Value = str | bool | list[str]


def config(  # noqa: PLR0913 - everything that it says
    fleet: Fleet, node: Node, setup: Setup, *, public_address: IPv4Address, vrack_interface: str, join: str | None
) -> str:
    """
    Return the text of *node*'s config file.

    It holds no secret: tokens and keys are in files of their own, so that a plan can show the differences of this one.
    *join* is the URL through which the node joins; None, for a server alone, begins a cluster (see :mod:`.founding`).
    """
    values: dict[str, Value] = {
        "node-name": node.name,
        "node-ip": str(node.vrack_address),
        "node-external-ip": str(public_address),
        "node-label": [f"koprogo.io/pool={node.pool}"],
        "flannel-iface": vrack_interface,
        "token-file": paths.TOKEN,
        "kubelet-arg": hardening.kubelet_arguments(),
    }
    if node.name not in setup.foreign_kernel:
        values["protect-kernel-defaults"] = True
    if join is not None:
        values["server"] = join
    if node.role is Role.SERVER:
        values |= _server(fleet, node, setup, public_address)
        if join is None:
            values["cluster-init"] = True
    return _yaml(values)


def cluster_wide(fleet: Fleet, setup: Setup) -> str:
    """Return the part of every server's config file that has to be equal on all of them."""
    return _yaml(_cluster_wide(fleet, setup))


def _cluster_wide(fleet: Fleet, setup: Setup) -> dict[str, Value]:
    return {
        "cluster-cidr": str(fleet.network.pods),
        "service-cidr": str(fleet.network.services),
        "cluster-dns": str(fleet.network.services.network_address + 10),
        "flannel-backend": setup.flannel_backend,
        "disable": list(fleet.k3s.disable),
        "secrets-encryption": True,
    }


def _server(fleet: Fleet, node: Node, setup: Setup, public_address: IPv4Address) -> Mapping[str, Value]:
    return {
        "agent-token-file": paths.AGENT_TOKEN,
        "advertise-address": str(node.vrack_address),
        "tls-san": [
            *(str(peer.vrack_address) for peer in fleet.servers),
            *(peer.name for peer in fleet.servers),
            str(public_address),
            *([] if fleet.k3s.endpoint == FIRST_SERVER else [fleet.k3s.endpoint]),
        ],
        **_cluster_wide(fleet, setup),
        "node-taint": [CONTROL_PLANE_TAINT],
        "write-kubeconfig-mode": "0600",
        "kube-apiserver-arg": hardening.api_server_arguments(fleet.k3s),
        "kube-controller-manager-arg": hardening.controller_manager_arguments(),
        **snapshots.schedule(fleet),
        **(snapshots.to_bucket(fleet, setup.s3) if setup.s3 else {}),
    }


def _yaml(values: Mapping[str, Value]) -> str:
    lines = ["# Written by koprogo-fleet. Changes made by hand are undone by the next run."]
    for key, value in sorted(values.items()):
        if isinstance(value, list):
            lines += [f"{key}:", *(f"  - {json.dumps(item)}" for item in value)]
        else:
            lines.append(f"{key}: {json.dumps(value)}")
    return "\n".join(lines) + "\n"
