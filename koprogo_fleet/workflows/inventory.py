"""The inventory files from the OVH API, by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from koprogo_fleet.core.errors import OvhRateLimited, OvhUnavailable
from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.inventory.age import age, remember
from koprogo_fleet.inventory.documents import HOSTS, KNOWN_HOSTS, certificate_of, private_key_of
from koprogo_fleet.inventory.files import Entry, read_files
from koprogo_fleet.inventory.live import look
from koprogo_fleet.inventory.sync import Synced, hosts_before, known_ports, sync
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ssh.host_keys import KnownHosts
from koprogo_fleet.workflows.certificates import signatures
from koprogo_fleet.workflows.target import CloudTarget
from koprogo_fleet.workflows.vault import vault_on_demand

READ_SECONDS = 10.0
"""How long OVH is waited for where the files can be shown instead."""


def sync_inventory(directory: Path, target: CloudTarget, listener: Listener, *, force: bool = False) -> Synced:
    """
    Write what the API shows into the files of *directory*, and each address beside its host key.

    Where the fleet has certificates, our key is signed anew.
    """
    fleet = load_fleet(directory / "fleet.yaml")
    with vault_on_demand(target.vault) as vault, signatures(fleet, vault):
        return sync_files(OvhApi(target.credentials, listener), fleet, directory, force=force)


def sync_files(api: OvhApi, fleet: Fleet, directory: Path, *, force: bool = False) -> Synced:
    """Do the same for a fleet that is read already."""
    known_hosts = KnownHosts(directory / KNOWN_HOSTS)

    def know_address(name: str, address: str) -> None:
        if public_line := known_hosts.get(name):
            known_hosts.put(name, public_line, addresses=(address,))

    found = sync(
        api,
        fleet,
        directory,
        private_key_of(fleet),
        certificate=certificate_of(fleet),
        know_address=know_address,
        force=force,
    )
    remember(fleet.name, directory)
    return found


@dataclass(frozen=True)
class Shown:
    """
    The inventory, for reading.

    Attributes:
        age: seconds since OVH showed this; 0 where it was asked now, None where nobody knows.
        unreachable: why OVH was not asked, although it should have been; else empty.
    """

    hosts: Mapping[str, Entry]
    age: float | None
    unreachable: str = ""


def recorded(directory: Path) -> Shown:
    """
    Return what the files of *directory* say, and how old that is; nobody is asked.

    Raises:
        InputError: there are none, or they are spoiled.
    """
    fleet = load_fleet(directory / "fleet.yaml")
    return Shown(read_files(directory).hosts, age(fleet.name, directory))


def current(directory: Path, target: CloudTarget, listener: Listener) -> Shown:
    """
    Return what OVH shows now, or, while it cannot be reached, what was recorded last. Nothing is written.

    Raises:
        OvhError: the API refuses; or it cannot be reached, and nothing was recorded.
    """
    fleet = load_fleet(directory / "fleet.yaml")
    ports = known_ports(hosts_before(directory / HOSTS))
    try:
        api = OvhApi(target.credentials, listener, patience=READ_SECONDS)
        return Shown(look(api, fleet, ports).hosts, 0.0)
    except (OvhUnavailable, OvhRateLimited) as error:
        if not (directory / HOSTS).exists():
            raise
        return replace(recorded(directory), unreachable=error.seen)
