"""What has to be done at OVH: the desired fleet set against what the API shows. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh import catalogue, groups
from koprogo_fleet.provision.actions import (
    Action,
    BuildInstance,
    CreateGroup,
    CreateNetwork,
    CreateSshKey,
    CreateSubnet,
    Refuse,
)
from koprogo_fleet.provision.node_plan import node_steps
from koprogo_fleet.provision.resources import Observed, group_name, network_name, observe, ssh_key_name
from koprogo_fleet.provision.step import Step

__all__ = ["Plan", "Step", "observe", "plan"]


@dataclass(frozen=True)
class Plan:
    """
    The steps that lead from *observed* to *fleet*, in order; the notes are about what is left alone.

    It holds what it was made from, so that :func:`~koprogo_fleet.provision.apply.apply` can make it again and refuse
    to act on a world that has changed meanwhile.
    """

    fleet: Fleet
    public_key: str
    observed: Observed = field(repr=False)
    steps: tuple[Step, ...]
    notes: tuple[Note, ...]

    @property
    def differences(self) -> tuple[Difference, ...]:
        """What is not as desired, for showing."""
        return tuple(step.difference for step in self.steps)

    @property
    def refused(self) -> tuple[Step, ...]:
        """The steps that a person has to take: while there are any, nothing is applied."""
        return tuple(step for step in self.steps if isinstance(step.action, Refuse))


def plan(fleet: Fleet, observed: Observed, public_key: str) -> Plan:
    """
    Compare *fleet* with *observed*.

    Args:
        fleet: what should exist.
        observed: what the API shows.
        public_key: the OpenSSH line of the fleet's key.

    Raises:
        InputError: the region has no such flavor or image, or the quota does not suffice.
    """
    steps = (
        *_ssh_key(fleet, observed, public_key),
        *_network(fleet, observed),
        *_subnet(fleet, observed),
        *_groups(fleet, observed),
        *(step for node in fleet.nodes for step in node_steps(fleet, observed, node)),
    )
    _check_quota(observed, steps)
    return Plan(fleet, public_key, observed, steps, tuple(_strangers(fleet, observed)))


def _ssh_key(fleet: Fleet, observed: Observed, public_key: str) -> Iterator[Step]:
    name = ssh_key_name(fleet)
    existing = next((key for key in observed.ssh_keys if key.name == name), None)
    if existing is None:
        yield _step(Operation.CREATE, f"SSH key {name}", CreateSshKey(name, public_key), new=_short(public_key))
    elif existing.public_key.split()[:2] != public_key.split()[:2]:
        refuse = Refuse(
            f"use the private key that the nodes know (ssh.private_key in fleet.yaml), or delete the SSH key {name} "
            "at OVH if no instance of the fleet exists any more"
        )
        yield _step(
            Operation.CHANGE, f"SSH key {name}", refuse, old=_short(existing.public_key), new=_short(public_key)
        )


def _network(fleet: Fleet, observed: Observed) -> Iterator[Step]:
    name, vlan = network_name(fleet), fleet.network.vlan
    existing = observed.network_of(fleet)
    if existing is None:
        holder = next((network for network in observed.networks if network.vlan_id == vlan), None)
        if holder is None:
            create = CreateNetwork(name, vlan)
            yield _step(Operation.CREATE, f"private network {name}", create, new=f"VLAN {vlan}, {fleet.region}")
        else:
            refuse = Refuse("choose a free network.vlan in fleet.yaml")
            yield _step(Operation.CREATE, f"private network {name}", refuse, new=f"VLAN {vlan}, taken by {holder.name}")
    elif existing.vlan_id != vlan or existing.in_region(fleet.region) is None:
        where = ", ".join(part.region for part in existing.regions)
        refuse = Refuse(f"change network.vlan and region in fleet.yaml back, or delete the network {name} at OVH")
        yield _step(
            Operation.CHANGE,
            f"private network {name}",
            refuse,
            old=f"VLAN {existing.vlan_id}, {where}",
            new=f"VLAN {vlan}, {fleet.region}",
        )


def _subnet(fleet: Fleet, observed: Observed) -> Iterator[Step]:
    what, cidr = f"subnet of {network_name(fleet)}", fleet.network.vrack
    if not observed.subnets:
        yield _step(Operation.CREATE, what, CreateSubnet(cidr), new=f"{cidr}, no gateway, no DHCP")
        return
    subnet = observed.subnets[0]
    if subnet.cidr != cidr:
        refuse = Refuse("change network.vrack in fleet.yaml back: a subnet cannot be changed while nodes are in it")
        yield _step(Operation.CHANGE, what, refuse, old=str(subnet.cidr), new=str(cidr))
    elif subnet.gateway is not None:
        refuse = Refuse("delete the subnet at OVH while no node is in it: its gateway takes the nodes' default route")
        yield _step(Operation.CHANGE, what, refuse, old=f"gateway {subnet.gateway}", new="no gateway")


def _groups(fleet: Fleet, observed: Observed) -> Iterator[Step]:
    for pool in fleet.pools:
        if not pool.anti_affinity or pool.count == 0:
            continue
        name = group_name(fleet, pool.name)
        existing = next((group for group in observed.groups if group.name == name), None)
        if existing is None:
            yield _step(Operation.CREATE, f"instance group {name}", CreateGroup(name), new=groups.ANTI_AFFINITY)
        elif existing.type != groups.ANTI_AFFINITY:
            refuse = Refuse(f"delete the instance group {name} at OVH; its members stay as they are")
            yield _step(Operation.CHANGE, f"instance group {name}", refuse, old=existing.type, new=groups.ANTI_AFFINITY)


def _check_quota(observed: Observed, steps: tuple[Step, ...]) -> None:
    wanted = Counter(
        step.action.flavor_id for step in steps if isinstance(step.action, BuildInstance) and step.action.found is None
    )
    for flavor in observed.flavors:
        if (count := wanted[flavor.id]) and (not flavor.available or flavor.quota < count):
            raise InputError(
                f"{count} new {flavor.name} in {flavor.region}, but OVH allows {_allowed(flavor)}",
                cause="the project's quota, or the region's stock",
                next_step="ask for more in the OVH manager (Quota and Regions), or change flavor, count or region",
            )


def _allowed(flavor: catalogue.Flavor) -> str:
    return f"{flavor.quota} more" if flavor.available else "none now"


def _strangers(fleet: Fleet, observed: Observed) -> Iterator[Note]:
    """Tell about what bears the fleet's name and is not desired; it is never deleted here."""
    desired = {node.name for node in fleet.nodes}
    with_volume = {node.name for node in fleet.nodes if node.volume is not None}
    for kind, items, names in (
        ("instance", observed.instances, desired),
        ("volume", observed.volumes, with_volume),
    ):
        for item in items:
            if item.name.startswith(f"{fleet.name}-") and item.name not in names:
                yield Note(f"{kind} {item.name} ({item.id}) is not in fleet.yaml; it is left as it is")


def _step(operation: Operation, what: str, action: Action, *, old: str = "", new: str = "") -> Step:
    return Step(Difference(operation, what, old, new), action)


def _short(public_key: str) -> str:
    """Return the key's type, and the end of it: enough to tell two apart."""
    kind, blob = public_key.split()[:2]
    return f"{kind} …{blob[-12:]}"
