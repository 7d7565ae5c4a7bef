"""
Who comes to the NodePorts: the load balancer, whom fleet.yaml names, and the control planes, which verify them.

ufw alone cannot say it. kube-proxy sends what comes to a NodePort on to a pod before the packet filter's chain for
what is the node's own (INPUT) sees it, and accepts it itself in the one for what is routed (FORWARD). So a table of our
own looks at new connections before kube-proxy does: at the priority "mangle" (-150), which is before "dstnat" (-100; man
nft, "standard priority names").
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network

from koprogo_fleet.core.fleet import NODE_PORTS, Fleet
from koprogo_fleet.hosts.resources import NftTable

TABLE = "koprogo_nodeports"


def visitors(fleet: Fleet) -> tuple[IPv4Network, ...]:
    """Return the networks that may come to the ingress' NodePorts."""
    return tuple(dict.fromkeys(_visitors(fleet)))


def _visitors(fleet: Fleet) -> Iterator[IPv4Network]:
    balancer = fleet.load_balancer
    if balancer is not None and balancer.kind == "ip":
        yield fleet.network.balancer_sources
    elif balancer is not None:
        # OVH gives an Octavia balancer its addresses out of the second half of what is reserved.
        yield list(fleet.network.reserved.subnets())[-1]
    yield from fleet.ingress.open_to
    yield from (IPv4Network(server.vrack_address) for server in fleet.servers)


def node_ports(fleet: Fleet) -> NftTable:
    """Return the table that keeps everybody else from the NodePorts; those of other releases are for pods alone."""
    allowed = ", ".join(_plain(network) for network in visitors(fleet))
    ingress = ", ".join(str(port) for port in sorted({fleet.ingress.http, fleet.ingress.https}))
    inside = f"{fleet.network.pods}, {fleet.network.services}"
    return NftTable(
        TABLE,
        f"""\
  chain prerouting {{
    type filter hook prerouting priority mangle; policy accept;
    iifname "lo" accept
    ct state != new accept
    meta l4proto != {{ tcp, udp }} accept
    th dport != {NODE_PORTS.start}-{NODE_PORTS.stop - 1} accept
    ip saddr {{ {fleet.network.pods} }} accept
    ip daddr {{ {inside} }} accept
    tcp dport {{ {ingress} }} ip saddr {{ {allowed} }} accept
    counter drop
  }}
""",
    )


def _plain(network: IPv4Network) -> str:
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
