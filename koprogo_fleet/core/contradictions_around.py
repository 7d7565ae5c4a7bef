"""What the sections about what stands around the nodes (gateway, load balancer, owned servers) must not say together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPV4LENGTH, IPv4Address

from koprogo_fleet.core.model import Mistake, Place
from koprogo_fleet.core.sections import DedicatedServer, LoadBalancer, Network, Pool

SMALLEST_WITH_GATEWAY = 27
"""
The prefix length up to which half of the last quarter has room for a gateway and a load balancer: four addresses and
one to spare (OVH's "known limits": three for a load balancer, two for a gateway, of which one is the first).
"""

VRACK: Place = ("network", "vrack")
GATEWAY: Place = ("network", "gateway")
BALANCER: Place = ("load_balancer",)


def around(
    name: str,
    network: Network,
    pools: Sequence[Pool],
    servers: Sequence[DedicatedServer],
    balancer: LoadBalancer | None,
) -> Iterator[Mistake]:
    """Yield everything that these sections of the fleet *name* cannot mean together."""
    if balancer is not None:
        yield from _balancer(balancer, network)
    yield from _servers(name, network, pools, servers)
    if network.gateway is not None or (balancer is not None and balancer.kind == "ip"):
        yield from _reserved(network, pools, servers)


def _balancer(balancer: LoadBalancer, network: Network) -> Iterator[Mistake]:
    kind: Place = (*BALANCER, "kind")
    if balancer.http == balancer.https:
        both: tuple[Place, ...] = ((*BALANCER, "http"), (*BALANCER, "https"))
        yield Mistake(f"port {balancer.http} is used twice: http and https need one each", both[1], both)
    if balancer.kind == "octavia":
        if network.gateway is None:
            message = "an Octavia load balancer gets its public address through a gateway: set network.gateway"
            yield Mistake(message, kind, (kind, GATEWAY))
        if balancer.service is not None:
            place: Place = (*BALANCER, "service")
            yield Mistake("service names a classic load balancer: it goes with kind ip", place, (place, kind))
    else:
        if balancer.service is None:
            message = "an IP Load Balancer is ordered by hand: say its name as load_balancer.service"
            yield Mistake(message, kind, (kind, (*BALANCER, "service")))
        if balancer.size is not None:
            place = (*BALANCER, "size")
            yield Mistake("an IP Load Balancer has no size: it goes with kind octavia", place, (place, kind))


def _servers(
    fleet: str, network: Network, pools: Sequence[Pool], servers: Sequence[DedicatedServer]
) -> Iterator[Mistake]:
    nodes = {
        f"{fleet}-{pool.name}-{index + 1}": address for pool in pools for index, address in enumerate(_addresses(pool))
    }
    taken = {("name", name) for name in nodes} | {("vrack_address", str(address)) for address in nodes.values()}
    for index, server in enumerate(servers):
        for field, value in (
            ("name", server.name),
            ("service", server.service),
            ("vrack_address", str(server.vrack_address)),
        ):
            place: Place = ("dedicated_servers", index, field)
            if (field, value) in taken:
                yield Mistake(f"{value} is used twice: each machine needs its own", place, (place, ("pools",)))
            taken.add((field, value))
        ends = {network.vrack.network_address, network.vrack.broadcast_address}
        if server.vrack_address not in network.vrack or server.vrack_address in ends:
            place = ("dedicated_servers", index, "vrack_address")
            message = f"{server.vrack_address} is outside the usable addresses of the vRack {network.vrack}"
            yield Mistake(message, place, (place, VRACK))


def _reserved(network: Network, pools: Sequence[Pool], servers: Sequence[DedicatedServer]) -> Iterator[Mistake]:
    if network.vrack.prefixlen > SMALLEST_WITH_GATEWAY:
        message = f"vrack {network.vrack} has no room for OVH's own machines: at most /{SMALLEST_WITH_GATEWAY}"
        yield Mistake(message, VRACK, (VRACK, GATEWAY, BALANCER))
        return
    for index, pool in enumerate(pools):
        place: Place = ("pools", index, "first_address")
        yield from _kept_free(network, _addresses(pool), place, (place, ("pools", index, "count")))
    for index, server in enumerate(servers):
        place = ("dedicated_servers", index, "vrack_address")
        yield from _kept_free(network, [server.vrack_address], place, (place,))


def _addresses(pool: Pool) -> list[IPv4Address]:
    """Return the addresses of a pool's nodes; those beyond the last one that there is are another rule's matter."""
    first = int(pool.first_address)
    return [IPv4Address(number) for number in range(first, min(first + pool.count, 2**IPV4LENGTH))]


def _kept_free(
    network: Network, addresses: Sequence[IPv4Address], place: Place, depends_on: tuple[Place, ...]
) -> Iterator[Mistake]:
    for address in addresses:
        if address == network.gateway_address and network.gateway is not None:
            yield Mistake(f"{address} is the gateway's address", place, (*depends_on, VRACK, GATEWAY))
        elif address in network.reserved:
            message = f"{address} is in {network.reserved}, which OVH's gateways and load balancers take addresses of"
            yield Mistake(message, place, (*depends_on, VRACK, GATEWAY, BALANCER))
            return
