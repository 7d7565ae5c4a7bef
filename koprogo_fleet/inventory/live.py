"""The inventory straight from the OVH API, with the credentials of the environment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from koprogo_fleet.core.errors import MissingCredentials
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.inventory.documents import Documents, certificate_of, documents, private_key_of
from koprogo_fleet.inventory.files import DefaultsEntry, Entries, InventoryFiles
from koprogo_fleet.inventory.observe import VrackPort, observe
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.credentials import from_environment


def read_api(directory: Path) -> InventoryFiles:
    """
    Return what ``koprogo-fleet inventory sync`` would write for the fleet of *directory*; nothing is written.

    Raises:
        FileProblems: fleet.yaml has mistakes.
        MissingCredentials: no OVH credentials are set.
        OvhError: the API refused, or gave no answer.
    """
    found = from_environment()
    if found is None:
        raise MissingCredentials(
            "OVHInventory: no OVH credentials are set",
            cause="neither OVH_APPLICATION_KEY nor OVH_CLIENT_ID is in the environment, nor in an ovh.conf",
            next_step='set them, or read the files: options={"source": "files"}',
        )
    return look(OvhApi(found[0]), load_fleet(directory / "fleet.yaml"))


def look(api: OvhApi, fleet: Fleet, known_ports: Sequence[VrackPort] = ()) -> InventoryFiles:
    """
    Return what the API shows of *fleet*, as the files would say it; *known_ports* save calls, see :func:`observe`.

    Raises:
        OvhError: the API refused, or gave no answer.
    """
    return _as_read(documents(fleet, observe(api, fleet, known_ports), private_key_of(fleet), certificate_of(fleet)))


def _as_read(written: Documents) -> InventoryFiles:
    return InventoryFiles(
        Entries.model_validate(written.hosts).root,
        Entries.model_validate(written.groups).root,
        DefaultsEntry.model_validate(written.defaults),
    )
