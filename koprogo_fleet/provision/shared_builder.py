"""Creating what the nodes share: the SSH key, the private network with its subnet, the groups."""

from __future__ import annotations

from collections.abc import Iterable

from koprogo_fleet.core.events import Listener, Note
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.ovh import groups, networks, ssh_keys
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.provision.actions import CreateGroup, CreateNetwork, CreateSshKey, CreateSubnet, SharedAction
from koprogo_fleet.provision.once import create_once
from koprogo_fleet.provision.plan import Plan
from koprogo_fleet.provision.resources import network_name, ssh_key_name
from koprogo_fleet.provision.surroundings import Limits, Surroundings


def build_shared(
    wanted: Plan, api: OvhApi, actions: Iterable[SharedAction], listener: Listener, limits: Limits
) -> Surroundings:
    """
    Create what is missing, and return the ids of all, also of what existed.

    Raises:
        OvhError: the API refuses.
        WaitTimeout: the network took too long.
    """
    builder = _Builder(wanted, api, listener, limits)
    for action in actions:
        match action:
            case CreateSshKey():
                builder.create_ssh_key(action)
            case CreateNetwork():
                builder.create_network(action)
            case CreateSubnet():
                builder.create_subnet(action)
            case CreateGroup():
                builder.create_group(action)
    return builder.surroundings()


class _Builder:
    def __init__(self, wanted: Plan, api: OvhApi, listener: Listener, limits: Limits) -> None:
        self._wanted = wanted
        self._region = wanted.fleet.region
        self._api = api
        self._listener = listener
        self._limits = limits
        self._ssh_keys = {key.name: key.id for key in wanted.observed.ssh_keys}
        self._groups = {group.name: group.id for group in wanted.observed.groups}
        self._networks = {network.name: network for network in wanted.observed.networks}

    def create_ssh_key(self, action: CreateSshKey) -> None:
        key = create_once(
            f"SSH key {action.name}",
            lambda: ssh_keys.create_ssh_key(self._api, action.name, action.public_key),
            lambda: next((key for key in ssh_keys.list_ssh_keys(self._api) if key.name == action.name), None),
            limits=self._limits,
            listener=self._listener,
        )
        self._ssh_keys[action.name] = key.id
        self._listener(Note(f"SSH key {action.name} created"))

    def create_network(self, action: CreateNetwork) -> None:
        self._networks[action.name] = create_once(
            f"private network {action.name}",
            lambda: networks.create_private_network(self._api, action.name, action.vlan, self._region),
            lambda: next(
                (item for item in networks.list_private_networks(self._api) if item.name == action.name), None
            ),
            limits=self._limits,
            listener=self._listener,
        )
        self._listener(Note(f"private network {action.name} created"))

    def create_subnet(self, action: CreateSubnet) -> None:
        network = self._active_network()
        create_once(
            f"subnet {action.cidr}",
            lambda: networks.create_subnet(self._api, network.id, action.cidr, self._region),
            lambda: next((item for item in networks.list_subnets(self._api, network.id)), None),
            limits=self._limits,
            listener=self._listener,
        )
        self._listener(Note(f"subnet {action.cidr} created"))

    def create_group(self, action: CreateGroup) -> None:
        group = create_once(
            f"instance group {action.name}",
            lambda: groups.create_anti_affinity_group(self._api, action.name, self._region),
            lambda: next(
                (item for item in groups.list_groups(self._api, self._region) if item.name == action.name), None
            ),
            limits=self._limits,
            listener=self._listener,
        )
        self._groups[action.name] = group.id
        self._listener(Note(f"instance group {action.name} created"))

    def surroundings(self) -> Surroundings:
        fleet = self._wanted.fleet
        return Surroundings(
            api=self._api,
            limits=self._limits,
            listener=self._listener,
            fleet=fleet,
            public_key=self._wanted.public_key,
            ssh_key_id=self._ssh_keys[ssh_key_name(fleet)],
            public_network_id=self._wanted.observed.public_network_id,
            private_network_id=self._active_network().openstack_id_in(self._region),
            group_ids=self._groups,
        )

    def _active_network(self) -> networks.PrivateNetwork:
        name = network_name(self._wanted.fleet)
        network = self._networks[name]
        if not network.is_active_in(self._region):
            network = self._networks[name] = self._wait_active(network)
        return network

    def _wait_active(self, network: networks.PrivateNetwork) -> networks.PrivateNetwork:
        def look() -> networks.PrivateNetwork:
            now = networks.get_private_network(self._api, network.id)
            if not now.is_active_in(self._region):
                raise NotYet(f"status {now.status}")
            return now

        return wait_for(
            f"private network {network.name}: ACTIVE in {self._region}",
            look,
            seconds=self._limits.network,
            interval=self._limits.look_every,
            listener=self._listener,
            cause="OVH is slow, or the project is not in a vRack",
            next_step="look at the project's private networks and vRack in the OVH manager, then run the command again",
        )
