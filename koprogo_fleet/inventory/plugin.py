"""``OVHInventory``: the inventory plugin that gives Nornir the nodes of a fleet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nornir.core.inventory import (
    ConnectionOptions,
    Defaults,
    Group,
    Groups,
    Host,
    Hosts,
    Inventory,
    ParentGroups,
)

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.inventory.files import ConnectionEntry, DefaultsEntry, InventoryFiles, read_files

PATH_EXTRAS = frozenset({"private_key", "certificate", "known_hosts", "key_file", "alt_key_file"})
"""Connection extras that are paths; relative ones are relative to the inventory's directory."""


class OVHInventory:
    """
    The nodes of a fleet, for ``InitNornir(inventory={"plugin": "OVHInventory", "options": {…}})``.

    Args:
        directory: the inventory's, ``inventory/<env>``; holds fleet.yaml, and known_hosts.
        source: ``files`` reads what ``koprogo-fleet inventory sync`` wrote; ``api`` asks OVH now, with the credentials
            of the environment, and writes nothing.
    """

    def __init__(self, directory: str = "inventory/lab", source: str = "files") -> None:
        if source not in {"files", "api"}:
            raise InputError(
                f'OVHInventory: source is "{source}"', cause='it is "files" or "api"', next_step="correct the option"
            )
        self._directory = Path(directory).expanduser().absolute()
        self._source = source

    def load(self) -> Inventory:
        """
        Return the inventory.

        Raises:
            InputError: it is empty, missing or unreadable.
            MissingCredentials: the source is the API, and no OVH credentials are set.
            OvhError: the API refused, or gave no answer.
        """
        files = self._read()
        if not files.hosts:
            raise InputError(
                f"the inventory {self._directory} has no host",
                cause="nothing is provisioned yet",
                next_step="koprogo-fleet provision",
            )
        return self._inventory(files)

    def _read(self) -> InventoryFiles:
        if self._source == "files":
            return read_files(self._directory)
        from koprogo_fleet.inventory.live import read_api  # a script that reads files need not load an API client

        return read_api(self._directory)

    def _inventory(self, files: InventoryFiles) -> Inventory:
        defaults = Defaults(**self._attributes(files.defaults))
        groups = Groups({name: Group(name, **self._attributes(entry)) for name, entry in files.groups.items()})
        hosts = Hosts({name: Host(name, **self._attributes(entry)) for name, entry in files.hosts.items()})
        for elements, entries in ((groups, files.groups), (hosts, files.hosts)):
            for name, element in elements.items():
                element.defaults = defaults
                element.groups = ParentGroups(groups[group] for group in entries[name].groups)
        return Inventory(hosts=hosts, groups=groups, defaults=defaults)

    def _attributes(self, entry: DefaultsEntry) -> dict[str, Any]:
        return {
            **_login(entry),
            "data": entry.data,
            "connection_options": {name: self._options(option) for name, option in entry.connection_options.items()},
        }

    def _options(self, option: ConnectionEntry) -> ConnectionOptions:
        return ConnectionOptions(**_login(option), extras=option.extras and self._extras(option.extras))

    def _extras(self, extras: Mapping[str, Any]) -> dict[str, Any]:
        return {name: self._extra(name, value) for name, value in extras.items()}

    def _extra(self, name: str, value: Any) -> Any:
        if name == "jump":
            return self._extras(value)
        is_certificate_itself = name == "certificate" and " " in value
        if name in PATH_EXTRAS and not is_certificate_itself:
            return str(self._directory / Path(value).expanduser())
        return value


def _login(entry: ConnectionEntry | DefaultsEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in ("hostname", "port", "username", "password", "platform")}
