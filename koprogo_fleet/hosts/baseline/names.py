"""Who a node is, and how it finds its peers without DNS."""

from __future__ import annotations

from collections.abc import Sequence

from koprogo_fleet.core.fleet import Node
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import File, Hostname

HEADER = "# Written by koprogo-fleet. Changes made by hand are undone by the next run.\n"


def names(node: Node, nodes: Sequence[Node]) -> tuple[Resource, ...]:
    """Return the hostname, and a hosts file that gives every node's vRack address."""
    peers = "".join(f"{peer.vrack_address} {peer.name}\n" for peer in nodes)
    local = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"
    return (Hostname(node.name), File("/etc/hosts", HEADER + local + peers))
