"""The OVH emulator over machines that weigh nothing: ``python -m benchmarks.emulator DIRECTORY``, in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from koprogo_fleet.lab.machines import Machine
from koprogo_fleet.lab.ovh_api.app import create_app
from koprogo_fleet.lab.ovh_api.server import bind, url_of, write_endpoint
from koprogo_fleet.lab.ovh_api.state import State

STATE, LOG, ENDPOINT = "ovh.json", "ovh-requests.jsonl", "endpoint.json"
_START_SECONDS = 30


class Weightless:
    """Machines that run at once, and are nothing but their ids."""

    public_subnet = IPv4Network("198.18.0.0/16")

    def __init__(self) -> None:
        self._running: set[str] = set()

    def boot(self, machine: Machine) -> None:
        """Let it run."""
        self._running.add(machine.id)

    def is_running(self, machine_id: str) -> bool:
        """Say whether it runs."""
        return machine_id in self._running

    def stop(self, machine_id: str) -> None:
        """Let it run no more."""
        self._running.discard(machine_id)

    kill = destroy = stop

    def ensure_network(self, _network_id: str) -> None:
        """Have no network."""

    remove_network = delete_volume = ensure_network

    def attach_volume(self, _machine_id: str, _volume_id: str, _size_gb: int) -> None:
        """Have no disk."""

    def detach_volume(self, _machine_id: str, _volume_id: str) -> None:
        """Have no disk."""


@contextmanager
def emulator(directory: Path) -> Generator[dict[str, Any]]:
    """Run an emulator on *directory*, and yield how it is reached: its URL and credentials."""
    (directory / ENDPOINT).unlink(missing_ok=True)
    with subprocess.Popen([sys.executable, "-m", "benchmarks.emulator", str(directory)]) as process:
        try:
            yield _endpoint(directory / ENDPOINT, process)
        finally:
            process.terminate()


def _endpoint(path: Path, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    deadline = time.monotonic() + _START_SECONDS
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("the OVH emulator did not start: see its output above")
        time.sleep(0.02)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _serve(directory: Path) -> None:
    app = create_app(State(directory / STATE), Weightless(), log=directory / LOG)
    server = bind(app)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    write_endpoint(directory / ENDPOINT, app, url_of(server))
    server.serve_forever()
    server.server_close()
    app.close()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
