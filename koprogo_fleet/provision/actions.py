"""What a step of a plan does, as data. Values only: :mod:`koprogo_fleet.provision.apply` carries them out."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network

from koprogo_fleet.core.fleet import Node, Volume


@dataclass(frozen=True)
class CreateSshKey:
    """Create the fleet's SSH key."""

    name: str
    public_key: str


@dataclass(frozen=True)
class CreateNetwork:
    """Create the private network."""

    name: str
    vlan: int


@dataclass(frozen=True)
class CreateSubnet:
    """Give the private network its addresses."""

    cidr: IPv4Network


@dataclass(frozen=True)
class CreateGroup:
    """Create an anti-affinity group."""

    name: str


@dataclass(frozen=True)
class BuildInstance:
    """
    Have the node's instance created, ACTIVE, with its addresses.

    Attributes:
        group: the name of its anti-affinity group, if it has one.
        found: the id of an instance that is being built already: it is only waited for.
        discard: the id of an instance that failed while it was built: it is deleted first.
    """

    node: Node
    flavor_id: str
    image_id: str
    group: str | None
    found: str | None = None
    discard: str | None = None


@dataclass(frozen=True)
class StartInstance:
    """Switch the node's instance on."""

    node: Node
    instance_id: str


@dataclass(frozen=True)
class CreateVolume:
    """Create the node's volume."""

    node: Node
    volume: Volume


@dataclass(frozen=True)
class AttachVolume:
    """Attach the node's volume to its instance."""

    node: Node


@dataclass(frozen=True)
class Refuse:
    """Nothing is done: a person has to take the *next_step* first."""

    next_step: str


SharedAction = CreateSshKey | CreateNetwork | CreateSubnet | CreateGroup
NodeAction = BuildInstance | StartInstance | CreateVolume | AttachVolume
Action = SharedAction | NodeAction | Refuse
