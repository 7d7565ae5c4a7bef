"""What the sections of ``fleet.yaml`` must not say together. Pure: every rule yields the mistakes it finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPV4LENGTH, IPv4Address, IPv4Network
from itertools import combinations

from koprogo_fleet.core.model import Mistake, Place
from koprogo_fleet.core.sections import MONTHLY, Backups, Ingress, Network, Pool, Role, Ssh

HOST_NAME_MAX = 63
"""The longest host name label (RFC 1123)."""

POD_PREFIX_PER_NODE = 24
"""Each node takes a network of this size out of the pods' (kube-controller-manager: --node-cidr-mask-size)."""

SERVICE_PREFIXES = range(12, 29)
"""The API server refuses larger networks; in smaller ones there is no tenth address for the cluster's DNS."""

RESERVED = {
    "loopback": IPv4Network("127.0.0.0/8"),
    "link-local": IPv4Network("169.254.0.0/16"),
    "multicast": IPv4Network("224.0.0.0/4"),
}

WITHOUT_MONTHLY = ("b3-", "c3-", "r3-")
"""Flavors of the third generation (support.us.ovhcloud.com, 22143514040083)."""

JOIN_TOKENS = "k3s"
"""Below vault.folder: what K3s' nodes join with."""

VRACK: Place = ("network", "vrack")
PODS: Place = ("network", "pods")
SERVICES: Place = ("network", "services")


def contradictions(name: str, network: Network, ssh: Ssh, pools: Sequence[Pool], ingress: Ingress) -> Iterator[Mistake]:
    """Yield everything that the sections of the fleet *name* cannot mean together."""
    yield from _networks(network)
    yield from _ssh(name, ssh, pools)
    yield from _room(network, pools)
    yield from _pool_names(name, pools)
    yield from _control_planes(pools)
    yield from _billing(pools)
    yield from _addresses(network.vrack, pools)
    if ingress.http == ingress.https:
        both: tuple[Place, ...] = (("ingress", "http"), ("ingress", "https"))
        yield Mistake(f"port {ingress.http} is used twice: http and https need one each", both[1], both)


def backup_contradictions(backups: Backups | None) -> Iterator[Mistake]:
    """Yield what the section ``backups`` must not say beside what is always so."""
    if backups is not None and backups.vault == JOIN_TOKENS:
        place: Place = ("backups", "vault")
        yield Mistake(f"vault: {JOIN_TOKENS} is where K3s' join tokens are", place, (place,))


def _networks(network: Network) -> Iterator[Mistake]:
    named = [("vrack", network.vrack), ("pods", network.pods), ("services", network.services)]
    for (name, block), (other_name, other) in combinations(named, 2):
        if block.overlaps(other):
            places: tuple[Place, ...] = (("network", name), ("network", other_name))
            yield Mistake(f"{other_name} {other} overlaps {name} {block}", places[1], places)
    for name, block in named:
        for reserved, taken in RESERVED.items():
            if block.overlaps(taken):
                place = ("network", name)
                yield Mistake(f"{name} {block} overlaps the {reserved} addresses {taken}", place, (place,))


def _ssh(fleet: str, ssh: Ssh, pools: Sequence[Pool]) -> Iterator[Mistake]:
    if ssh.certificates is not None and ssh.certificates.user_mount == ssh.certificates.host_mount:
        both: tuple[Place, ...] = tuple(("ssh", "certificates", mount) for mount in ("user_mount", "host_mount"))
        message = (
            f"users and hosts are both signed by {ssh.certificates.user_mount}: each needs an authority of its own"
        )
        yield Mistake(message, both[1], both)
    nodes = {f"{fleet}-{pool.name}-{index + 1}" for pool in pools for index in range(pool.count)}
    if ssh.jump is not None and ssh.jump.name in nodes:
        place: Place = ("ssh", "jump", "host")
        depends_on = (place, ("name",), *_each(pools, "name"), *_each(pools, "count"))
        yield Mistake(
            f"the jump host {ssh.jump.name} is a node of the fleet: it cannot be reached through itself",
            place,
            depends_on,
        )


def _room(network: Network, pools: Sequence[Pool]) -> Iterator[Mistake]:
    nodes = sum(pool.count for pool in pools)
    room = 2 ** (POD_PREFIX_PER_NODE - network.pods.prefixlen) if network.pods.prefixlen <= POD_PREFIX_PER_NODE else 0
    if nodes > room:
        message = (
            f"pods {network.pods} has room for {room} nodes (a /{POD_PREFIX_PER_NODE} each), the fleet has {nodes}"
        )
        yield Mistake(message, PODS, (PODS, *_each(pools, "count")))
    if network.services.prefixlen not in SERVICE_PREFIXES:
        limits = f"/{SERVICE_PREFIXES.start} to /{SERVICE_PREFIXES.stop - 1}"
        yield Mistake(f"services {network.services} must be a network from {limits}", SERVICES, (SERVICES,))


def _pool_names(fleet: str, pools: Sequence[Pool]) -> Iterator[Mistake]:
    first: dict[str, int] = {}
    for index, pool in enumerate(pools):
        place = ("pools", index, "name")
        earlier = first.setdefault(pool.name, index)
        if earlier != index:
            yield Mistake(f'two pools have the name "{pool.name}"', place, (place, ("pools", earlier, "name")))
        longest = f"{fleet}-{pool.name}-{pool.count}"
        if len(longest) > HOST_NAME_MAX:
            message = f'the host name "{longest}" has {len(longest)} characters: at most {HOST_NAME_MAX} are allowed'
            yield Mistake(message, place, (place, ("name",)))


def _control_planes(pools: Sequence[Pool]) -> Iterator[Mistake]:
    depends_on = (*_each(pools, "role"), *_each(pools, "count"))
    server_pools = [index for index, pool in enumerate(pools) if pool.role is Role.SERVER]
    servers = sum(pools[index].count for index in server_pools)
    if servers == 0:
        yield Mistake("no control plane: a cluster needs 1, 3 or 5 nodes with the role server", ("pools",), depends_on)
    elif servers % 2 == 0:
        message = (
            f"{servers} control planes: etcd needs an odd number "
            f"({servers} survive no more failures than {servers - 1})"
        )
        yield Mistake(message, ("pools", server_pools[-1], "count"), depends_on)


def _billing(pools: Sequence[Pool]) -> Iterator[Mistake]:
    for index, pool in enumerate(pools):
        if pool.billing == MONTHLY and pool.flavor.startswith(WITHOUT_MONTHLY):
            place: Place = ("pools", index, "billing")
            message = f'pool "{pool.name}": OVH sells no {pool.flavor} by the month, but Savings Plans for it'
            yield Mistake(message, place, (place, ("pools", index, "flavor")))


def _addresses(vrack: IPv4Network, pools: Sequence[Pool]) -> Iterator[Mistake]:
    ranges: list[tuple[int, int, int]] = []
    for index, pool in enumerate(pools):
        if pool.count == 0:
            continue
        first = int(pool.first_address)
        last = first + pool.count - 1
        place = ("pools", index, "first_address")
        if first <= int(vrack.network_address) or last >= int(vrack.broadcast_address):
            message = f'pool "{pool.name}": {_range(first, last)} is outside the usable addresses of the vRack {vrack}'
            yield Mistake(message, place, (place, ("pools", index, "count"), VRACK))
        ranges.append((first, last, index))
    yield from _shared(sorted(ranges), pools)


def _shared(ranges: Sequence[tuple[int, int, int]], pools: Sequence[Pool]) -> Iterator[Mistake]:
    """Compare each (first, last, pool) with the one before it that reaches furthest."""
    reach, owner = -1, -1
    for first, last, index in ranges:
        if first <= reach:
            message = (
                f'pools "{pools[owner].name}" and "{pools[index].name}" share the addresses '
                f"{_range(first, min(last, reach))}"
            )
            both = [("pools", pool, field) for pool in (owner, index) for field in ("first_address", "count")]
            yield Mistake(message, ("pools", index, "first_address"), tuple(both))
        if last > reach:
            reach, owner = last, index


def _each(pools: Sequence[Pool], field: str) -> tuple[Place, ...]:
    return tuple(("pools", index, field) for index in range(len(pools)))


def _range(first: int, last: int) -> str:
    if last >= 2**IPV4LENGTH:
        return f"{IPv4Address(first)} and on"
    return str(IPv4Address(first)) if first == last else f"{IPv4Address(first)} to {IPv4Address(last)}"
