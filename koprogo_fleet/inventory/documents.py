"""From a fleet and what was observed of it to Nornir's three inventory files. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.fleet import DedicatedServer, Fleet, Node, Role
from koprogo_fleet.core.paths import state_dir
from koprogo_fleet.core.yamlfile import dump_yaml
from koprogo_fleet.inventory.observe import Observed

HEADER = "Written by koprogo-fleet inventory sync from what the OVH API shows: do not edit, edit fleet.yaml."
KNOWN_HOSTS = "known_hosts"
"""Relative to the directory of the inventory, as all relative paths in it (OVHInventory resolves them)."""

SSH_PORT = 22
DEDICATED = "dedicated"
"""The group of the dedicated servers."""


def private_key_of(fleet: Fleet) -> Path:
    """Return the file of the SSH key to log in with: the one that fleet.yaml names, or the fleet's own."""
    return fleet.ssh.private_key or state_dir(fleet.name) / "id_ed25519"


def certificate_of(fleet: Fleet) -> Path | None:
    """Return the file of that key's certificate, which each run renews; None where the fleet has no certificates."""
    return certificate_file(fleet) if fleet.ssh.certificates is not None else None


def certificate_file(fleet: Fleet) -> Path:
    """Return where the certificate is kept, if there is one; ssh and netmiko find it there beside the fleet's own key."""
    return state_dir(fleet.name) / f"{private_key_of(fleet).name}-cert.pub"


HOSTS = "hosts.yaml"
FILES = (HOSTS, "groups.yaml", "defaults.yaml")
"""What is written into the directory of the inventory."""

Hosts = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Documents:
    """The content of the three files, and the nodes that cannot be in them yet, each with the reason."""

    hosts: Hosts
    groups: Hosts
    defaults: Mapping[str, Any]
    left_out: tuple[tuple[str, str], ...] = ()

    def files(self) -> dict[str, str]:
        """Return the text of each file by its name."""
        contents = (self.hosts, self.groups, self.defaults)
        return {name: dump_yaml(data, header=HEADER) for name, data in zip(FILES, contents, strict=True)}


def documents(fleet: Fleet, observed: Observed, private_key: Path, certificate: Path | None = None) -> Documents:
    """
    Return the inventory of *fleet*: its nodes that exist, in the order of fleet.yaml.

    Args:
        fleet: the desired state.
        observed: what the API shows.
        private_key: the file of the SSH key to log in with.
        certificate: the file of its certificate.

    Raises:
        InputError: two instances have one name, or two hosts one address.
    """
    fleet_ssh = _fleet_ssh(fleet, private_key, certificate)
    hosts: dict[str, Mapping[str, Any]] = {}
    left_out = []
    entries = (
        *((node.name, _host(fleet, node, observed, fleet_ssh)) for node in fleet.nodes),
        *((server.name, _server(fleet, server, observed, fleet_ssh)) for server in fleet.dedicated_servers),
    )
    for name, entry in entries:
        if isinstance(entry, str):
            left_out.append((name, entry))
        else:
            hosts[name] = entry
    _refuse_shared_addresses(hosts)
    dedicated = (DEDICATED,) if fleet.dedicated_servers else ()
    names = (*map(str, Role), *(pool.name for pool in fleet.pools), *dedicated)
    groups: Hosts = {name: {"data": {}} for name in names}
    defaults = {"data": {"fleet": fleet.name}}
    return Documents(hosts, groups, defaults, tuple(left_out))


def _host(fleet: Fleet, node: Node, observed: Observed, fleet_ssh: Mapping[str, Any]) -> Mapping[str, Any] | str:
    """Return the entry of *node* in hosts.yaml, or why it has none."""
    instance = observed.instance_of(node)
    if instance is None:
        return "there is no such instance"
    if instance.public_ipv4 is None:
        return f"the instance has no public address (status {instance.status})"
    mac = observed.mac_of(node, instance)
    if mac is None:
        return f"the instance has no interface with the vRack address {node.vrack_address}"
    volume = observed.volume_of(node, instance)
    return {
        "hostname": str(instance.public_ipv4),
        "port": SSH_PORT,
        "username": fleet.ssh.user,
        "groups": list(dict.fromkeys([str(node.role), node.pool])),
        "data": {
            "instance_id": instance.id,
            "region": instance.region,
            "flavor": node.flavor,
            "role": str(node.role),
            "pool": node.pool,
            "is_first_server": node.is_first_server,
            "vrack": {"address": str(node.vrack_address), "mac": mac},
            "volume": {"id": volume.id, "size_gb": volume.size_gb} if volume is not None else None,
        },
        "connection_options": _connection_options(node.name, fleet_ssh),
    }


def _server(
    fleet: Fleet, server: DedicatedServer, observed: Observed, fleet_ssh: Mapping[str, Any]
) -> Mapping[str, Any] | str:
    """
    Return the entry of a dedicated server in hosts.yaml, or why it has none.

    Its host key is not ours: a person puts it into known_hosts, by the server's name in fleet.yaml.
    """
    found, side = observed.servers.get(server.service, (None, None))
    if found is None:
        return f"the account has no dedicated server {server.service}"
    if side is None:
        return f"the server {server.service} has no private network interface"
    return {
        "hostname": str(found.ip),
        "port": SSH_PORT,
        "username": fleet.ssh.user,
        "groups": [str(server.role), DEDICATED],
        "data": {
            "service": found.name,
            "region": found.datacenter,
            "role": str(server.role),
            "is_first_server": False,
            "vrack": {"address": str(server.vrack_address), "mac": side.macs[0], "vlan": fleet.network.vlan},
            "volume": None,
        },
        "connection_options": _connection_options(server.name, fleet_ssh),
    }


def _fleet_ssh(fleet: Fleet, private_key: Path, certificate: Path | None) -> Mapping[str, Any]:
    """Return the extras of ``fleet_ssh`` that all nodes have in common."""
    extras: dict[str, Any] = {"private_key": _portable(private_key), "known_hosts": KNOWN_HOSTS}
    if certificate is not None:
        extras["certificate"] = _portable(certificate)
    if (jump := fleet.ssh.jump) is not None:
        extras["jump"] = {"host": jump.name, "address": jump.address, "port": jump.port}
        extras["jump"] |= {"user": jump.user} if jump.user else {}
    return extras


def _connection_options(name: str, fleet_ssh: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return both connections' options in full: Nornir does not merge ``extras`` of hosts, groups and defaults."""
    return {
        "fleet_ssh": {"extras": {**fleet_ssh, "host_key_alias": name}},
        "netmiko": {
            "platform": "linux",
            "extras": {
                "use_keys": True,
                "key_file": fleet_ssh["private_key"],
                "ssh_strict": True,
                "alt_host_keys": True,
                "alt_key_file": KNOWN_HOSTS,
            },
        },
    }


def _portable(path: Path) -> str:
    """Write a path below the home directory with ``~``, so that the file is the same for everybody in a team."""
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def _refuse_shared_addresses(hosts: Hosts) -> None:
    owners: dict[str, list[str]] = {}
    for name, host in hosts.items():
        owners.setdefault(host["hostname"], []).append(name)
        owners.setdefault(host["data"]["vrack"]["mac"], []).append(name)
        owners.setdefault(host["data"]["vrack"]["address"], []).append(name)
    shared = [f"{address} ({', '.join(names)})" for address, names in owners.items() if len(names) > 1]
    if shared:
        raise InputError(
            f"the OVH API shows one address for several nodes: {'; '.join(shared)}",
            cause="an instance is being replaced, and the API's lists do not agree yet",
            next_step="wait a minute, then run the command again",
        )
