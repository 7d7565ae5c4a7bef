"""
The desired state of a fleet, as values.

The models mirror ``fleet.yaml``; they are frozen, and whatever is unknown or contradictory in the file is an error.
:class:`Node` is what the rest of the code works with: one machine that should exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

NODE_PORTS = range(30000, 32768)
"""Kubernetes' default service-node-port-range (k3s: --service-node-port-range)."""

DnsLabel = Annotated[str, StringConstraints(pattern=r"^[a-z]([a-z0-9-]*[a-z0-9])?$", max_length=40)]
Port = Annotated[int, Field(ge=NODE_PORTS.start, lt=NODE_PORTS.stop)]


class Role(StrEnum):
    """What a node does in the cluster, in K3s' own words."""

    SERVER = "server"
    AGENT = "agent"


class Model(BaseModel):
    """Base of everything that a person writes: frozen, and unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class Network(Model):
    """The networks of the fleet; none may overlap another."""

    vrack: IPv4Network = IPv4Network("10.0.0.0/24")
    vlan: int = Field(default=42, ge=0, le=4095)
    mtu: int = Field(default=1500, ge=1280, le=9000)
    pods: IPv4Network = IPv4Network("10.42.0.0/16")
    services: IPv4Network = IPv4Network("10.43.0.0/16")

    @model_validator(mode="after")
    def _no_overlap(self) -> Self:
        named = [("vrack", self.vrack), ("pods", self.pods), ("services", self.services)]
        for index, (name, network) in enumerate(named):
            for other_name, other in named[index + 1 :]:
                if network.overlaps(other):
                    raise ValueError(f"{name} {network} overlaps {other_name} {other}")
        return self


class Ssh(Model):
    """How we log in. Without *private_key* a key is made for the fleet, in its state directory."""

    user: str = "debian"
    private_key: Path | None = None


class Volume(Model):
    """A block volume attached to each node of a pool, for Longhorn."""

    size_gb: int = Field(ge=10, le=4000)
    type: str = "high-speed"


class Pool(Model):
    """Nodes that are alike. Their names are ``<fleet>-<pool>-<n>``, their vRack addresses count up from the first."""

    name: DnsLabel
    role: Role
    count: int = Field(ge=0, le=200)
    flavor: str
    first_address: IPv4Address
    anti_affinity: bool = False
    volume: Volume | None = None


class K3s(Model):
    """The Kubernetes distribution: exactly one release, by its checksum."""

    version: str = Field(pattern=r"^v\d+\.\d+\.\d+\+k3s\d+$")
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    disable: tuple[str, ...] = ("traefik", "servicelb", "local-storage")


class Ingress(Model):
    """The NodePorts that the load balancer sends HTTP and HTTPS to."""

    http: Port = 30080
    https: Port = 30443

    @model_validator(mode="after")
    def _two_ports(self) -> Self:
        if self.http == self.https:
            raise ValueError(f"port {self.http} is used twice: http and https need one each")
        return self


class VaultPlace(Model):
    """Where the fleet's secrets are in Vault: a KV version 2 mount, and a folder in it."""

    mount: str = "secret"
    folder: str = "koprogo"


@dataclass(frozen=True)
class Node:
    """One machine that should exist."""

    name: str
    pool: str
    role: Role
    flavor: str
    vrack_address: IPv4Address
    anti_affinity: bool
    volume: Volume | None
    is_first_server: bool


class Fleet(Model):
    """``fleet.yaml``: everything that should exist, and nothing that was observed."""

    name: DnsLabel
    region: str = "GRA11"
    image: str = "Debian 12"
    network: Network = Network()
    ssh: Ssh = Ssh()
    pools: tuple[Pool, ...]
    k3s: K3s
    ingress: Ingress = Ingress()
    vault: VaultPlace = VaultPlace()

    @field_validator("pools")
    @classmethod
    def _pools_fit_together(cls, pools: tuple[Pool, ...]) -> tuple[Pool, ...]:
        names = [pool.name for pool in pools]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two pools have the same name: {', '.join(twice)}")
        servers = sum(pool.count for pool in pools if pool.role is Role.SERVER)
        if servers == 0:
            raise ValueError("no pool has the role server: a cluster needs 1 or 3 control planes")
        if servers % 2 == 0:
            raise ValueError(
                f"{servers} control planes: etcd needs an odd number "
                f"({servers} tolerate no more failures than {servers - 1})"
            )
        return pools

    @model_validator(mode="after")
    def _addresses_fit(self) -> Self:
        owner: dict[IPv4Address, str] = {}
        for node in self.nodes:
            if node.vrack_address not in self.network.vrack:
                raise ValueError(f"{node.name}: {node.vrack_address} is outside the vRack {self.network.vrack}")
            if other := owner.get(node.vrack_address):
                raise ValueError(f"{node.name} and {other} both have the address {node.vrack_address}")
            owner[node.vrack_address] = node.name
        return self

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
                    flavor=pool.flavor,
                    vrack_address=pool.first_address + index,
                    anti_affinity=pool.anti_affinity,
                    volume=pool.volume,
                    is_first_server=first_server and pool.role is Role.SERVER,
                )
                first_server = False

    @property
    def first_server(self) -> Node:
        """The control plane that starts the cluster; the others join it."""
        return next(node for node in self.nodes if node.is_first_server)
