"""What the OVH API shows of a fleet's nodes, in as few calls as there are lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from koprogo_fleet.core.fleet import Fleet, Node
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.dedicated_servers import DedicatedServer, VrackSide, get_server, get_vrack_side, list_servers
from koprogo_fleet.ovh.instances import DELETED, Instance, InstanceInterface, list_instances, list_interfaces, only_one
from koprogo_fleet.ovh.volumes import Volume, list_volumes

CALLS_AT_ONCE = 8


@dataclass(frozen=True)
class VrackPort:
    """The MAC address of the NIC that has *address* in the vRack; it lives as long as its instance."""

    instance_id: str
    address: IPv4Address
    mac: str


@dataclass(frozen=True)
class Observed:
    """
    The instances that bear the name of a node of the fleet, with their NICs, and all volumes.

    *servers* are the dedicated servers that fleet.yaml names, by their names at OVH.
    """

    instances: tuple[Instance, ...]
    interfaces: Mapping[str, tuple[InstanceInterface, ...]] = field(default_factory=dict)
    volumes: tuple[Volume, ...] = ()
    known_ports: tuple[VrackPort, ...] = ()
    servers: Mapping[str, tuple[DedicatedServer, VrackSide | None]] = field(default_factory=dict)

    def instance_of(self, node: Node) -> Instance | None:
        """
        Return the instance that is *node*, or None.

        Raises:
            InputError: two instances have its name.
        """
        return only_one(node.name, [instance for instance in self.instances if instance.name == node.name])

    def mac_of(self, node: Node, instance: Instance) -> str | None:
        """Return the MAC address of the NIC that *node* has its vRack address on, or None while there is none."""
        for port in self.known_ports:
            if port.instance_id == instance.id and port.address == node.vrack_address:
                return port.mac
        private = [nic for nic in self.interfaces.get(instance.id, ()) if nic.type == "private"]
        return next((nic.mac for nic in private if str(node.vrack_address) in nic.addresses), None)

    def volume_of(self, node: Node, instance: Instance) -> Volume | None:
        """Return the volume for Longhorn: of those attached, the one that bears the node's name, or the only one."""
        attached = sorted(
            (volume for volume in self.volumes if instance.id in volume.attached_to), key=lambda volume: volume.name
        )
        named = [volume for volume in attached if volume.name.startswith(node.name)]
        candidates = named or attached
        return candidates[0] if node.volume is not None and len(candidates) == 1 else None


def observe(api: OvhApi, fleet: Fleet, known_ports: Sequence[VrackPort] = ()) -> Observed:
    """
    Read the instances and volumes of all regions, and the NICs of the fleet's instances whose MAC is not known yet.

    Args:
        api: the OVH API.
        fleet: its nodes' names and regions say what is ours.
        known_ports: from the last inventory; saves one call for each instance that is still the same.

    Raises:
        OvhError: the API refused, or gave no answer.
    """
    nodes = {node.name: node for node in fleet.nodes}
    instances = tuple(
        instance
        for instance in list_instances(api)
        if (node := nodes.get(instance.name)) and instance.region == node.region and instance.status not in DELETED
    )
    known = {(port.instance_id, port.address) for port in known_ports}
    new = [instance.id for instance in instances if (instance.id, nodes[instance.name].vrack_address) not in known]
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        interfaces = dict(zip(new, pool.map(lambda instance_id: list_interfaces(api, instance_id), new), strict=True))
    has_volumes = any(node.volume is not None for node in nodes.values())
    volumes = list_volumes(api) if has_volumes else ()
    return Observed(instances, interfaces, volumes, tuple(known_ports), _servers(api, fleet))


def _servers(api: OvhApi, fleet: Fleet) -> dict[str, tuple[DedicatedServer, VrackSide | None]]:
    """Read those of the servers that exist: a few calls for each, as there is no list that tells more than names."""
    named = {server.service for server in fleet.dedicated_servers}
    owned = sorted(named.intersection(list_servers(api))) if named else []
    with ThreadPoolExecutor(CALLS_AT_ONCE) as pool:
        found = pool.map(lambda name: (get_server(api, name), get_vrack_side(api, name)), owned)
        return dict(zip(owned, found, strict=True))
