"""The inventory files from the OVH API, by themselves."""

from __future__ import annotations

from pathlib import Path

from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.inventory.documents import KNOWN_HOSTS, certificate_of, private_key_of
from koprogo_fleet.inventory.sync import Synced, sync
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ssh.host_keys import KnownHosts
from koprogo_fleet.workflows.certificates import signatures
from koprogo_fleet.workflows.target import Target


def sync_inventory(directory: Path, target: Target, listener: Listener, *, force: bool = False) -> Synced:
    """
    Write what the API shows into the files of *directory*, and each address beside its host key.

    Where the fleet has certificates, our key is signed anew.
    """
    fleet = load_fleet(directory / "fleet.yaml")
    with signatures(fleet, target.vault):
        return sync_files(OvhApi(target.credentials, listener), fleet, directory, force=force)


def sync_files(api: OvhApi, fleet: Fleet, directory: Path, *, force: bool = False) -> Synced:
    """Do the same for a fleet that is read already."""
    known_hosts = KnownHosts(directory / KNOWN_HOSTS)

    def know_address(name: str, address: str) -> None:
        if public_line := known_hosts.get(name):
            known_hosts.put(name, public_line, addresses=(address,))

    return sync(
        api,
        fleet,
        directory,
        private_key_of(fleet),
        certificate=certificate_of(fleet),
        know_address=know_address,
        force=force,
    )
