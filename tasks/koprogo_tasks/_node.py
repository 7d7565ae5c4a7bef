"""From a Nornir host to the node of fleet.yaml that it is."""

from __future__ import annotations

from nornir.core.inventory import Host

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.fleet import Fleet, Node


def node_of(host: Host, fleet: Fleet) -> Node:
    """
    Return the node named as *host*.

    Raises:
        InputError: the inventory has a host that fleet.yaml does not.
    """
    for node in fleet.nodes:
        if node.name == host.name:
            return node
    raise InputError(
        f"{host.name} is in the inventory, but not in fleet.yaml",
        cause="the fleet was edited after the inventory was written",
        next_step="koprogo-fleet inventory sync",
    )
