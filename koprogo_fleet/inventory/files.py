"""Nornir's inventory files, read with their line numbers, so that what is wrong with them can be said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, RootModel

from koprogo_fleet.core.errors import FileProblems, Problem
from koprogo_fleet.core.loader import load_model, load_yaml
from koprogo_fleet.core.model import Model, Whole

NEXT_STEP = "koprogo-fleet inventory sync"


class ConnectionEntry(Model):
    """The options of one connection plugin."""

    hostname: str | None = None
    port: Whole | None = None
    username: str | None = None
    password: str | None = None
    platform: str | None = None
    extras: dict[str, Any] | None = None


class DefaultsEntry(Model):
    """What defaults.yaml holds; None is "not said here", as in Nornir."""

    hostname: str | None = None
    port: Whole | None = None
    username: str | None = None
    password: str | None = None
    platform: str | None = None
    data: dict[str, Any] = Field(default_factory=dict)
    connection_options: dict[str, ConnectionEntry] = Field(default_factory=dict)


class Entry(DefaultsEntry):
    """One host or group."""

    groups: tuple[str, ...] = ()


class Entries(RootModel[dict[str, Entry]]):
    """What hosts.yaml and groups.yaml hold: entries by their names."""


@dataclass(frozen=True)
class InventoryFiles:
    """The content of hosts.yaml, groups.yaml and defaults.yaml, of which every name is known."""

    hosts: Mapping[str, Entry]
    groups: Mapping[str, Entry]
    defaults: DefaultsEntry


def read_files(directory: Path) -> InventoryFiles:
    """
    Return the inventory in *directory*; groups.yaml and defaults.yaml may be missing.

    Raises:
        InputError: there is no hosts.yaml.
        FileProblems: every mistake in a file, with its line.
    """
    hosts_file, groups_file, defaults_file = (directory / f"{name}.yaml" for name in ("hosts", "groups", "defaults"))
    hosts = load_model(hosts_file, Entries, next_step=NEXT_STEP).root
    groups = load_model(groups_file, Entries).root if groups_file.exists() else {}
    defaults = load_model(defaults_file, DefaultsEntry) if defaults_file.exists() else DefaultsEntry()
    for file, entries in ((hosts_file, hosts), (groups_file, groups)):
        _refuse_unknown_groups(file, entries, groups)
    return InventoryFiles(hosts, groups, defaults)


def _refuse_unknown_groups(file: Path, entries: Mapping[str, Entry], groups: Mapping[str, Entry]) -> None:
    unknown = [(name, group) for name, entry in entries.items() for group in entry.groups if group not in groups]
    if unknown:
        document = load_yaml(file)
        raise FileProblems(
            [
                Problem(file, document.line((name, "groups")), f'{name}: the group "{group}" is not in groups.yaml')
                for name, group in unknown
            ],
            next_step=NEXT_STEP,
        )
