"""What a fleet is made of at OVH: the names of its objects, and how they are read, with one call for each list."""

from __future__ import annotations

from dataclasses import dataclass

from koprogo_fleet.core.fleet import Fleet, Node
from koprogo_fleet.ovh.catalogue import Flavor, Image, list_flavors, list_images
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.groups import InstanceGroup, list_groups
from koprogo_fleet.ovh.instances import Instance, list_instances
from koprogo_fleet.ovh.networks import (
    PrivateNetwork,
    Subnet,
    find_public_network,
    list_private_networks,
    list_subnets,
)
from koprogo_fleet.ovh.ssh_keys import SshKey, list_ssh_keys
from koprogo_fleet.ovh.volumes import Volume, list_volumes


def ssh_key_name(fleet: Fleet) -> str:
    """Return the name of the fleet's SSH key."""
    return fleet.name


def network_name(fleet: Fleet) -> str:
    """Return the name of the fleet's private network."""
    return f"{fleet.name}-vrack"


def group_name(fleet: Fleet, pool: str) -> str:
    """Return the name of the anti-affinity group of a pool."""
    return f"{fleet.name}-{pool}"


def volume_name(node: Node) -> str:
    """Return the name of a node's volume."""
    return node.name


@dataclass(frozen=True)
class Observed:
    """What the API shows: all that may belong to the fleet, and what can be had. *subnets* are the fleet's network's."""

    ssh_keys: tuple[SshKey, ...]
    networks: tuple[PrivateNetwork, ...]
    subnets: tuple[Subnet, ...]
    public_network_id: str
    groups: tuple[InstanceGroup, ...]
    instances: tuple[Instance, ...]
    volumes: tuple[Volume, ...]
    flavors: tuple[Flavor, ...]
    images: tuple[Image, ...]

    def network_of(self, fleet: Fleet) -> PrivateNetwork | None:
        """Return the fleet's network, if it exists."""
        return next((network for network in self.networks if network.name == network_name(fleet)), None)


def observe(api: OvhApi, fleet: Fleet) -> Observed:
    """
    Read what exists, in as few calls as there are lists.

    Instances and volumes are read in all regions: a node found in another one is a mistake to report.
    """
    existing = list_private_networks(api)
    own = next((network for network in existing if network.name == network_name(fleet)), None)
    return Observed(
        ssh_keys=list_ssh_keys(api),
        networks=existing,
        subnets=list_subnets(api, own.id) if own is not None else (),
        public_network_id=find_public_network(api, fleet.region),
        groups=list_groups(api, fleet.region),
        instances=list_instances(api),
        volumes=list_volumes(api),
        flavors=list_flavors(api, fleet.region),
        images=list_images(api, fleet.region),
    )
