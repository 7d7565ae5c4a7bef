"""The program is told to end while it waits for somebody else's answer: as systemd, cron and people do."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from koprogo_fleet.core.runs import list_runs

CHECKOUT = Path(__file__).parents[3]
COMMAND = Path(sys.executable).with_name("koprogo-fleet")
PATIENCE = 90
"""Seconds. A signal that comes just before Python begins to read is seen when the read ends: 60 s, TIMEOUT of ovh."""


@pytest.fixture
def silent_api() -> Iterator[socket.socket]:
    """Listen where an OVH API should be, and never answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)
        yield listening


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_and_is_recorded(
    number: signal.Signals, silent_api: socket.socket, tmp_path: Path
) -> None:
    """Whichever signal: exit code 130, what to do next, no traceback, and the journal has the run's end."""
    inventory = tmp_path / "inventory" / "production"
    inventory.mkdir(parents=True)
    for name in ("fleet.yaml", "secrets.yaml", "releases.yaml"):
        shutil.copy(CHECKOUT / "inventory" / "lab" / name, inventory)
    environment = {
        "PATH": os.environ["PATH"],
        "KOPROGO_STATE_DIR": str(tmp_path / "state"),
        "KOPROGO_INVENTORY": str(tmp_path / "inventory"),
        "OVH_ENDPOINT": f"http://127.0.0.1:{silent_api.getsockname()[1]}/1.0",
        "OVH_APPLICATION_KEY": "key",
        "OVH_APPLICATION_SECRET": "secret",
        "OVH_CONSUMER_KEY": "consumer",
        "VAULT_ADDR": "https://127.0.0.1:1",
        "VAULT_TOKEN": "token",
    }
    command = [COMMAND, "provision", "--yes"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            with silent_api.accept()[0]:
                process.send_signal(number)
                said, _ = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()

    (run,) = list_runs(tmp_path / "state" / "koprogo")
    assert 130 == process.returncode, said
    assert "Interrupted. Run the same command again" in said
    assert "Traceback" not in said
    assert "failed" == run.state
