"""A folder from which ``koprogo-fleet`` is run against an emulator: how long each command takes, and what it asks OVH."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.emulator import LOG
from benchmarks.measure import Measured, measure
from benchmarks.tools.job import Command
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.ovh.credentials import OvhCredentials

PROGRAM = (sys.executable, "-c", "from koprogo_fleet.cli.app import main; main()")


@dataclass(frozen=True)
class Asked:
    """One run of a command: what it took, and how many calls OVH got of it."""

    measured: Measured
    reads: int
    writes: int


class Office:
    """
    A fleet in ``inventory/production``, and its state.

    Args:
        directory: the emulator's too: its list of requests is read there.
        endpoint: how the emulator is reached.
        fleet: what fleet.yaml says.
    """

    def __init__(self, directory: Path, endpoint: dict[str, Any], fleet: str) -> None:
        self._directory = directory
        self._endpoint = endpoint
        self.inventory = directory / "inventory" / "production"
        self.inventory.mkdir(parents=True, exist_ok=True)
        self.state = directory / "state"
        self.state.mkdir(mode=0o700, exist_ok=True)
        (self.inventory / "fleet.yaml").write_text(fleet, encoding="utf-8")

    def run(self, *arguments: str, expected: int = 0) -> Asked:
        """
        Run a command, in a process of its own.

        Raises:
            ToolFailed: its exit status is not the *expected* one.
        """
        before = len(self._requests())
        words = (*PROGRAM, *arguments, "--inventory", str(self.inventory.parent), "--target", "ovh")
        if arguments == ("--help",):
            words = (*PROGRAM, *arguments)
        command = Command(words, environment=self.environment)
        measured = measure(command, self._directory / "out.log", expected=expected)
        methods = [json.loads(line)["method"] for line in self._requests()[before:]]
        return Asked(measured, methods.count("GET"), len(methods) - methods.count("GET"))

    def _requests(self) -> list[str]:
        log = self._directory / LOG
        return log.read_text(encoding="utf-8").splitlines() if log.exists() else []

    @property
    def credentials(self) -> OvhCredentials:
        """How OVH is reached without a command."""
        key, secret, consumer = (
            self._endpoint[name] for name in ("application_key", "application_secret", "consumer_key")
        )
        return OvhCredentials(self._endpoint["url"], key, Secret(secret), Secret(consumer))

    @property
    def environment(self) -> dict[str, str]:
        """What tells a command where its state is, and how OVH is reached."""
        return {
            "KOPROGO_STATE_DIR": str(self.state),
            "OVH_ENDPOINT": self._endpoint["url"],
            **{f"OVH_{name.upper()}": self._endpoint[name] for name in ("application_key", "application_secret")},
            "OVH_CONSUMER_KEY": self._endpoint["consumer_key"],
        }
