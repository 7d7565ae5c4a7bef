"""Nornir, set up with our inventory and runner, and so that it does not log arguments."""

from __future__ import annotations

import logging
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from nornir.core import Nornir
from nornir.core.configuration import Config, LoggingConfig
from nornir.core.plugins.connections import ConnectionPlugin, ConnectionPluginRegister
from nornir.core.state import GlobalState

from koprogo_fleet.inventory.plugin import OVHInventory
from koprogo_fleet.runner.runner import FleetRunner

_CONNECTIONS = "nornir.plugins.connections"


def open_nornir(directory: Path, **options: Any) -> Nornir:
    """
    Return Nornir over the inventory files of *directory*, with the runner ``fleet``.

    It is what ``InitNornir`` gives, sooner: a connection plug-in is imported when a task asks for it (netmiko takes a
    tenth of a second). Nornir's log file is off: it logs the arguments of tasks.

    Args:
        directory: ``inventory/<env>``.
        options: of the runner, see :class:`~koprogo_fleet.runner.options.Options`.
    """
    logging.getLogger("nornir").addHandler(logging.NullHandler())  # or Python prints its tracebacks to stderr
    for entry_point in entry_points(group=_CONNECTIONS):
        if entry_point.name not in ConnectionPluginRegister.available:
            ConnectionPluginRegister.register(entry_point.name, _WhenUsed(entry_point))  # type: ignore[arg-type]  # it is called, no more
    return Nornir(
        inventory=OVHInventory(str(directory)).load(),
        runner=FleetRunner(**options),
        config=Config(logging=LoggingConfig(enabled=False)),
        data=GlobalState(),
    )


class _WhenUsed:
    """Stands for a connection plug-in, and is equal to it: ``InitNornir`` may register the same later."""

    def __init__(self, entry_point: EntryPoint) -> None:
        self._entry_point = entry_point

    def __call__(self) -> ConnectionPlugin:
        plugin: ConnectionPlugin = self._entry_point.load()()
        return plugin

    def __eq__(self, other: object) -> bool:
        return other is self or other == self._entry_point.load()

    def __hash__(self) -> int:
        return hash(self._entry_point)
