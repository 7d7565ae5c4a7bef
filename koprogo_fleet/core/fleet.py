"""
The desired state of a fleet, as values.

The models mirror ``fleet.yaml``; they are frozen, and whatever is unknown or contradictory in the file is an error.
:class:`Node` is what the rest of the code works with: one machine that should exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import NamedTuple, Self

from pydantic import Field, model_validator

from koprogo_fleet.core.baseline_contradictions import baseline_contradictions
from koprogo_fleet.core.contradictions import backup_contradictions, contradictions
from koprogo_fleet.core.contradictions_around import around
from koprogo_fleet.core.dns_contradictions import dns_contradictions
from koprogo_fleet.core.k3s_contradictions import k3s_contradictions
from koprogo_fleet.core.k3s_section import K3s
from koprogo_fleet.core.model import Mistake, Mistakes, Model, Whole
from koprogo_fleet.core.sections import (
    MONTHLY,
    NODE_PORTS,
    Address,
    Backups,
    Ban,
    Cidr,
    DedicatedServer,
    Dns,
    DnsLabel,
    DnsRecord,
    Hardening,
    Ingress,
    JumpHost,
    LoadBalancer,
    Network,
    Person,
    Pool,
    Port,
    Power,
    RebootWindow,
    Role,
    Ssh,
    SshCertificates,
    Text,
    VaultPlace,
    Volume,
)

__all__ = [
    "NODE_PORTS",
    "Address",
    "Agent",
    "Backups",
    "Ban",
    "Cidr",
    "DedicatedServer",
    "Dns",
    "DnsLabel",
    "DnsRecord",
    "Fleet",
    "Hardening",
    "Ingress",
    "JumpHost",
    "K3s",
    "LoadBalancer",
    "Mistake",
    "Mistakes",
    "Model",
    "Network",
    "Node",
    "Person",
    "Pool",
    "Port",
    "Power",
    "RebootWindow",
    "Role",
    "Ssh",
    "SshCertificates",
    "Text",
    "VaultPlace",
    "Volume",
]


@dataclass(frozen=True)
class Node:
    """One machine that should exist."""

    name: str
    pool: str
    role: Role
    region: str
    flavor: str
    vrack_address: IPv4Address
    anti_affinity: bool
    volume: Volume | None
    is_first_server: bool
    monthly: bool = False


class Agent(NamedTuple):
    """A machine that runs what users ask for: an instance, or a dedicated server."""

    name: str
    vrack_address: IPv4Address


class Fleet(Model):
    """``fleet.yaml``: everything that should exist, and nothing that was observed."""

    name: DnsLabel = Field(examples=["koprogo"])
    region: Text = "GRA11"
    image: Text = "Debian 12"
    network: Network = Network()
    ssh: Ssh = Ssh()
    pools: tuple[Pool, ...] = Field(
        examples=[[{"name": "cp", "role": "server", "count": 1, "flavor": "b2-7", "first_address": "10.0.0.11"}]]
    )
    dedicated_servers: tuple[DedicatedServer, ...] = ()
    k3s: K3s = Field(examples=[{"version": "v1.33.4+k3s1"}])
    ingress: Ingress = Ingress()
    load_balancer: LoadBalancer | None = None
    vault: VaultPlace = VaultPlace()
    dns: Dns | None = None
    backups: Backups | None = None
    power: Power = Power()
    people: tuple[Person, ...] = ()
    hardening: Hardening = Hardening()
    budget: Whole | None = Field(default=None, ge=0, description="a sum of whole euro a month such as 400")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        found = (
            *contradictions(self.name, self.network, self.ssh, self.pools, self.ingress),
            *dns_contradictions(self.dns, load_balancer=self.load_balancer is not None),
            *backup_contradictions(self.backups),
            *baseline_contradictions(self.ssh, self.people, self.hardening, sum(pool.count for pool in self.pools)),
            *around(self.name, self.network, self.pools, self.dedicated_servers, self.load_balancer),
            *k3s_contradictions(self.k3s, self.network, self.pools, self.dedicated_servers, self.load_balancer),
        )
        if found:
            raise Mistakes(found)
        return self

    def region_of(self, pool: Pool) -> str:
        """Return the region of a pool's nodes."""
        return pool.region or self.region

    @property
    def regions(self) -> tuple[str, ...]:
        """Every region that is used, the fleet's own first."""
        return tuple(dict.fromkeys((self.region, *(self.region_of(pool) for pool in self.pools))))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every node of every pool, servers first, in a stable order."""
        return tuple(self._nodes())

    def _nodes(self) -> Iterator[Node]:
        first_server = True
        for pool in sorted(self.pools, key=lambda pool: pool.role is not Role.SERVER):
            for index in range(pool.count):
                yield Node(
                    name=f"{self.name}-{pool.name}-{index + 1}",
                    pool=pool.name,
                    role=pool.role,
                    region=self.region_of(pool),
                    flavor=pool.flavor,
                    vrack_address=pool.first_address + index,
                    anti_affinity=pool.anti_affinity,
                    volume=pool.volume,
                    is_first_server=first_server and pool.role is Role.SERVER,
                    monthly=pool.billing == MONTHLY,
                )
                first_server = False

    @property
    def servers(self) -> tuple[Node, ...]:
        """The control planes, the first one first."""
        return tuple(node for node in self.nodes if node.role is Role.SERVER)

    @property
    def agents(self) -> tuple[Agent, ...]:
        """Where load balancers send to: the instances first, then the dedicated servers."""
        machines: tuple[Node | DedicatedServer, ...] = (*self.nodes, *self.dedicated_servers)
        return tuple(Agent(one.name, one.vrack_address) for one in machines if one.role is Role.AGENT)

    @property
    def first_server(self) -> Node:
        """The control plane that starts the cluster; the others join it."""
        return next(node for node in self.nodes if node.is_first_server)
