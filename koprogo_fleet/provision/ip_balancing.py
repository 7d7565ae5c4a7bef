"""
What the fleet has on a classic IP Load Balancer, as it is and as it has to be. Pure.

The service itself is ordered by hand, and others may have parts on it: what bears the fleet's names is the fleet's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from koprogo_fleet.core.fleet import Agent, Fleet
from koprogo_fleet.ovh.ip_load_balancer_farms import PROXY_V1, PROXY_V2, Farm, NewServer, Server
from koprogo_fleet.ovh.ip_load_balancer_frontends import Frontend
from koprogo_fleet.ovh.ip_load_balancers import BalancerNetwork
from koprogo_fleet.provision.balancing import balancer_name

_PROXY_PROTOCOLS = {"none": None, "v1": PROXY_V1, "v2": PROXY_V2}


@dataclass(frozen=True)
class Way:
    """From a port of the service to a port of every agent; *name* is its farm's and its frontend's."""

    name: str
    port: int
    node_port: int


@dataclass(frozen=True)
class IpBalancingSpec:
    """
    What the fleet wants on the service; *name* is the network's, and begins the others' names.

    Attributes:
        nat_ip: the addresses of *subnet* that the service connects from.
        servers: the agents, in each farm.
    """

    service: str
    name: str
    subnet: IPv4Network
    nat_ip: IPv4Network
    vlan: int
    ways: tuple[Way, ...]
    servers: tuple[NewServer, ...]


@dataclass(frozen=True)
class FarmParts:
    """A farm with its servers; of another's farm they are not read."""

    farm: Farm
    servers: tuple[Server, ...] = ()


@dataclass(frozen=True)
class IpBalancing:
    """
    What is on the service, the fleet's and others'.

    Attributes:
        pending: how many changes, whoever made them, wait for a refresh; in the zone that has most.
        refreshing: whether one is under way.
    """

    name: str
    networks: tuple[BalancerNetwork, ...]
    farms: tuple[FarmParts, ...]
    frontends: tuple[Frontend, ...]
    pending: int = 0
    refreshing: bool = False

    @property
    def our_networks(self) -> tuple[BalancerNetwork, ...]:
        """The networks that bear the fleet's name: one, unless a person made another."""
        return tuple(network for network in self.networks if network.name == self.name)

    @property
    def our_farms(self) -> tuple[FarmParts, ...]:
        """The farms that bear the fleet's name."""
        return tuple(item for item in self.farms if self._is_ours(item.farm.wanted.name))

    @property
    def our_frontends(self) -> tuple[Frontend, ...]:
        """The frontends that bear the fleet's name."""
        return tuple(item for item in self.frontends if self._is_ours(item.wanted.name))

    @property
    def has_ours(self) -> bool:
        """Whether the fleet has anything there."""
        return bool(self.our_networks or self.our_farms or self.our_frontends)

    def _is_ours(self, name: str) -> bool:
        return name.startswith(f"{self.name}-")


def wanted_balancing(fleet: Fleet) -> IpBalancingSpec | None:
    """Return what the fleet wants on its IP Load Balancer; None if it has none."""
    section, network, name = fleet.load_balancer, fleet.network, balancer_name(fleet)
    if section is None or section.kind != "ip" or section.service is None:
        return None
    proxy_protocol = _PROXY_PROTOCOLS[section.proxy_protocol]

    def server(agent: Agent) -> NewServer:
        return NewServer(agent.name, agent.vrack_address, proxy_protocol=proxy_protocol)

    return IpBalancingSpec(
        service=section.service,
        name=name,
        subnet=network.vrack,
        nat_ip=network.balancer_sources,
        vlan=network.vlan,
        ways=(
            Way(f"{name}-http", section.http, fleet.ingress.http),
            Way(f"{name}-https", section.https, fleet.ingress.https),
        ),
        servers=tuple(server(agent) for agent in fleet.agents),
    )


def in_the_way(spec: IpBalancingSpec, now: IpBalancing) -> Iterator[tuple[int, Frontend]]:
    """Yield the ports that the fleet wants and another's frontend has."""
    for frontend in now.frontends:
        if frontend not in now.our_frontends:
            taken = [way.port for way in spec.ways if _has_port(frontend.wanted.port, way.port)]
            yield from ((port, frontend) for port in taken)


def _has_port(ports: str, port: int) -> bool:
    """Whether a frontend's *ports* ("80", "8000-8010", "80,443") have this one."""
    ends = (part.strip().partition("-") for part in ports.split(","))
    return any(int(first) <= port <= int(last or first) for first, _, last in ends)
