"""Nornir, set up with our runner, and so that it does not log arguments."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from nornir import InitNornir
from nornir.core import Nornir

from koprogo_fleet.runner.runner import FleetRunner


def open_nornir(directory: Path, **options: Any) -> Nornir:
    """
    Return Nornir over the inventory files of *directory*, with the runner ``fleet``.

    Nornir's log file is off: it logs the arguments of tasks.

    Args:
        directory: ``inventory/<env>``.
        options: of the runner, see :class:`~koprogo_fleet.runner.options.Options`.
    """
    logging.getLogger("nornir").addHandler(logging.NullHandler())  # or Python prints its tracebacks to stderr
    return InitNornir(
        inventory={"plugin": "OVHInventory", "options": {"directory": str(directory), "source": "files"}},
        logging={"enabled": False},
    ).with_runner(FleetRunner(**options))
