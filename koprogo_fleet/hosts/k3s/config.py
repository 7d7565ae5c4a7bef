"""``/etc/rancher/k3s/config.yaml``: every cluster-wide key on every server, each node's own addresses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import IPv4Address

from koprogo_fleet.core.fleet import Fleet, Node, Role
from koprogo_fleet.hosts.k3s import paths

API_PORT = 6443
CONTROL_PLANE_TAINT = "node-role.kubernetes.io/control-plane=true:NoSchedule"

Value = str | bool | list[str]


def config(fleet: Fleet, node: Node, *, public_address: IPv4Address, vrack_interface: str, join: str | None) -> str:
    """
    Return the text of *node*'s config file.

    It holds no secret: tokens are in files of their own, so that a plan can show the differences of this one. *join* is
    the URL through which the node joins; None, for a server alone, begins a cluster (see :mod:`.founding`).
    """
    values: dict[str, Value] = {
        "node-name": node.name,
        "node-ip": str(node.vrack_address),
        "node-external-ip": str(public_address),
        "node-label": [f"koprogo.io/pool={node.pool}"],
        "flannel-iface": vrack_interface,
        "token-file": paths.TOKEN,
    }
    if join is not None:
        values["server"] = join
    if node.role is Role.SERVER:
        values |= _server(fleet, node, public_address)
        if join is None:
            values["cluster-init"] = True
    return _yaml(values)


def _server(fleet: Fleet, node: Node, public_address: IPv4Address) -> Mapping[str, Value]:
    return {
        "agent-token-file": paths.AGENT_TOKEN,
        "advertise-address": str(node.vrack_address),
        "tls-san": [
            *(str(peer.vrack_address) for peer in fleet.servers),
            *(peer.name for peer in fleet.servers),
            str(public_address),
        ],
        "cluster-cidr": str(fleet.network.pods),
        "service-cidr": str(fleet.network.services),
        "cluster-dns": str(fleet.network.services.network_address + 10),
        "flannel-backend": fleet.k3s.flannel_backend,
        "disable": list(fleet.k3s.disable),
        "secrets-encryption": True,
        "node-taint": [CONTROL_PLANE_TAINT],
        "write-kubeconfig-mode": "0600",
    }


def _yaml(values: Mapping[str, Value]) -> str:
    lines = ["# Written by koprogo-fleet. Changes made by hand are undone by the next run."]
    for key, value in sorted(values.items()):
        if isinstance(value, list):
            lines += [f"{key}:", *(f"  - {json.dumps(item)}" for item in value)]
        else:
            lines.append(f"{key}: {json.dumps(value)}")
    return "\n".join(lines) + "\n"
