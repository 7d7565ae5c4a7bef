"""What the section ``k3s`` must not say beside the others."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from koprogo_fleet.core.k3s_section import K3s
from koprogo_fleet.core.model import Mistake, Place
from koprogo_fleet.core.sections import DedicatedServer, LoadBalancer, Network, Pool

ENDPOINT: Place = ("k3s", "endpoint")
VRACK: Place = ("network", "vrack")


def k3s_contradictions(
    k3s: K3s,
    network: Network,
    pools: Sequence[Pool],
    servers: Sequence[DedicatedServer],
    balancer: LoadBalancer | None,
) -> Iterator[Mistake]:
    """Yield everything that *k3s* cannot mean beside the other sections."""
    if re.fullmatch(r"[\d.]+", k3s.endpoint):
        yield from _virtual_address(k3s, network, pools, servers, balancer)
    releases: Place = ("k3s", "releases")
    if k3s.releases.startswith("http://") and k3s.sha256 is None:
        message = "what comes from there may have been altered on its way: pin the binary with k3s.sha256, or use https"
        yield Mistake(message, releases, (releases, ("k3s", "sha256")))
    if k3s.registries is not None:
        yield from _access(k3s)


def _virtual_address(
    k3s: K3s,
    network: Network,
    pools: Sequence[Pool],
    servers: Sequence[DedicatedServer],
    balancer: LoadBalancer | None,
) -> Iterator[Mistake]:
    address = k3s.virtual_address
    if address is None:
        yield Mistake(f"{k3s.endpoint} is not an address", ENDPOINT, (ENDPOINT,))
        return
    ends = {network.vrack.network_address, network.vrack.broadcast_address}
    if address not in network.vrack or address in ends:
        message = f"{address} is outside the usable addresses of the vRack {network.vrack}"
        yield Mistake(message, ENDPOINT, (ENDPOINT, VRACK))
        return
    for index, pool in enumerate(pools):
        if 0 <= int(address) - int(pool.first_address) < pool.count:
            of_pool: tuple[Place, ...] = (("pools", index, "first_address"), ("pools", index, "count"))
            yield Mistake(f'{address} is the address of a node of pool "{pool.name}"', ENDPOINT, (ENDPOINT, *of_pool))
    for index, server in enumerate(servers):
        if address == server.vrack_address:
            place: Place = ("dedicated_servers", index, "vrack_address")
            yield Mistake(f"{address} is the address of {server.name}", ENDPOINT, (ENDPOINT, place))
    depends_on: tuple[Place, ...] = (ENDPOINT, VRACK, ("network", "gateway"), ("load_balancer",))
    if network.gateway is not None and address == network.gateway_address:
        yield Mistake(f"{address} is the gateway's address", ENDPOINT, depends_on)
    elif address in network.reserved and (network.gateway is not None or (balancer and balancer.kind == "ip")):
        message = f"{address} is in {network.reserved}, which OVH's gateways and load balancers take addresses of"
        yield Mistake(message, ENDPOINT, depends_on)


def _access(k3s: K3s) -> Iterator[Mistake]:
    assert k3s.registries is not None  # noqa: S101 - the caller has looked
    for host, access in k3s.registries.access.items():
        place: Place = ("k3s", "registries", "access", host)
        if host == "*":
            yield Mistake("access is by host: * is a mirror's", place, (place,))
        if access.insecure_skip_verify and access.vault is not None:
            message = (
                f"{host}: credentials would go to whoever answers: give its ca_file instead of insecure_skip_verify"
            )
            yield Mistake(message, place, (place,))
