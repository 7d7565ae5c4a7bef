"""The emulator over loopback, with machines that exist in memory only."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import ovh  # type: ignore[import-untyped]
import ovh.client  # type: ignore[import-untyped]
import requests
from werkzeug.serving import BaseWSGIServer

from koprogo_fleet.core.events import Event
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab.machines import Appliances, Machine
from koprogo_fleet.lab.ovh_api.app import Emulator, create_app
from koprogo_fleet.lab.ovh_api.server import bind, url_of
from koprogo_fleet.lab.ovh_api.state import State
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.credentials import OvhCredentials
from koprogo_fleet.ovh.rate import Pace


@dataclass
class MemoryMachines:
    """Machines without any hardware: the protocol's other implementation."""

    machines: dict[str, Machine] = field(default_factory=dict)
    running: set[str] = field(default_factory=set)
    networks: set[str] = field(default_factory=set)
    attached: dict[str, str] = field(default_factory=dict)
    public_subnet: IPv4Network = field(default=IPv4Network("198.18.7.0/24"))
    boot_seconds: float = 0.02

    def boot(self, machine: Machine) -> None:
        """Run it."""
        time.sleep(self.boot_seconds)
        self.machines[machine.id] = machine
        self.running.add(machine.id)

    def is_running(self, machine_id: str) -> bool:
        """Say whether it runs."""
        return machine_id in self.running

    def stop(self, machine_id: str) -> None:
        """Stop it."""
        self.running.discard(machine_id)

    kill = stop

    def destroy(self, machine_id: str) -> None:
        """Forget it, and detach its volumes."""
        self.running.discard(machine_id)
        self.machines.pop(machine_id, None)
        self.attached = {volume: owner for volume, owner in self.attached.items() if owner != machine_id}

    def ensure_network(self, network_id: str) -> None:
        """Have the network."""
        self.networks.add(network_id)

    def remove_network(self, network_id: str) -> None:
        """Forget the network."""
        self.networks.discard(network_id)

    def attach_volume(self, machine_id: str, volume_id: str, size_gb: int) -> None:
        """Attach."""
        assert size_gb > 0
        self.attached[volume_id] = machine_id

    def detach_volume(self, machine_id: str, volume_id: str) -> None:
        """Detach."""
        assert self.attached.pop(volume_id) == machine_id

    def delete_volume(self, volume_id: str) -> None:
        """Delete."""
        assert volume_id not in self.attached


class Cloud:
    """One emulator that can be killed and started again, and what a test asks of it."""

    appliances: Appliances | None = None

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.machines = MemoryMachines()
        self.clock_ahead = 0.0
        self.pace = Pace(1000, 1000.0)  # the pace is the matter of few tests: they set it
        self.events: list[Event] = []
        self.start()

    def start(self) -> None:
        """Start the emulator; the machines outlive it."""
        self.state = State(self.folder / "ovh.json")
        self.app: Emulator = create_app(
            self.state,
            self.machines,
            log=self.folder / "ovh-requests.jsonl",
            clock=lambda: time.time() + self.clock_ahead,
            appliances=self.appliances,
        )
        self._server: BaseWSGIServer = bind(self.app)
        self.url = url_of(self._server)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        """Stop it; only its file remains."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self.app.close()

    def credentials(self, **changes: Any) -> OvhCredentials:
        """Return the right credentials, but for *changes*."""
        keys = self.state.keys
        right: dict[str, Any] = {
            "endpoint": self.url,
            "application_key": keys.application_key,
            "application_secret": keys.application_secret,
            "consumer_key": keys.consumer_key,
            "pace": self.pace,
        }
        return OvhCredentials(**{**right, **changes})

    def service_account(self, secret: Secret | None = None) -> OvhCredentials:
        """Return OAuth2 credentials."""
        keys = self.state.keys
        return OvhCredentials(endpoint=self.url, client_id=keys.client_id, client_secret=secret or keys.client_secret)

    def api(self, **changes: Any) -> OvhApi:
        """Return a client whose events are kept."""
        return OvhApi(self.credentials(), self.events.append, **changes)

    def python_ovh(self) -> ovh.Client:
        """Return OVH's own client, as anyone would use it."""
        keys = self.state.keys
        ovh.client.ENDPOINTS[self.url] = self.url
        return ovh.Client(
            endpoint=self.url,
            application_key=keys.application_key,
            application_secret=keys.application_secret.reveal(),
            consumer_key=keys.consumer_key.reveal(),
        )

    def fault(self, kind: str, method: str = "*", path: str = "*", **more: float) -> None:
        """Make a later call fail; see :mod:`koprogo_fleet.lab.ovh_api.faults`."""
        body = {"kind": kind, "method": method, "path": path, **more}
        response = requests.post(self.url.replace("/1.0", "/lab/faults"), json=body, timeout=60)
        assert response.status_code == 200, response.text

    def requests(self, method: str | None = None) -> list[dict[str, Any]]:
        """Return the request log, or the part of one method."""
        lines = (self.folder / "ovh-requests.jsonl").read_text().splitlines()
        return [entry for line in lines if method in (None, (entry := json.loads(line))["method"])]


def until(look: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for a thing that happens in the background."""
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.01)
