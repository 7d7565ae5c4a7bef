"""The lab's OpenBao: it comes up from whatever a crash left, and loses nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
from pathlib import Path
from uuid import uuid4

import pytest
from open_vault import open_vault

from koprogo_fleet.core.events import Event, Note
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab import openbao
from koprogo_fleet.lab.openbao import VaultEndpoint
from koprogo_fleet.lab.paths import LabPaths
from koprogo_fleet.vault import Stored, Vault

VALUES = {"a": Secret("kept")}


@pytest.fixture
def files(lab: LabPaths) -> Path:
    """Return the directory of the lab's OpenBao."""
    return lab.root / "openbao"


@pytest.fixture
def path(vault: Vault) -> str:
    """Return where :data:`VALUES` are stored."""
    path = f"koprogo/{uuid4()}"
    vault.write(path, VALUES, expected_version=0)
    return path


def process_id(files: Path) -> int:
    """Return the number of the server's process."""
    return int(json.loads((files / "openbao.process").read_text())["pid"])


def read(endpoint: VaultEndpoint, path: str) -> Stored | None:
    """Read with a fresh client."""
    with open_vault(endpoint.address, endpoint.token, endpoint.ca) as vault:
        return vault.read(path)


def test_again_changes_nothing(lab: LabPaths, endpoint: VaultEndpoint, files: Path) -> None:
    """Ensuring twice gives the same endpoint from the same process."""
    process = process_id(files)

    assert openbao.ensure_running(lab) == endpoint
    assert process_id(files) == process


def test_kill(lab: LabPaths, endpoint: VaultEndpoint, files: Path, path: str) -> None:
    """After kill -9 it comes back at the same address, with the same token and every secret."""
    os.kill(process_id(files), signal.SIGKILL)

    assert openbao.ensure_running(lab) == endpoint
    assert read(endpoint, path) == Stored(VALUES, 1)


def test_stop(lab: LabPaths, endpoint: VaultEndpoint, path: str) -> None:
    """A stop leaves no process; the next start has every secret."""
    openbao.stop(lab)
    openbao.stop(lab)
    assert not openbao.is_running(lab)

    assert openbao.ensure_running(lab) == endpoint
    assert read(endpoint, path) == Stored(VALUES, 1)


def test_hung_server(lab: LabPaths, endpoint: VaultEndpoint, files: Path, path: str) -> None:
    """A process that lives but proves to be nobody we know is replaced."""
    (files / "tls" / "ca.pem").unlink()
    shutil.copy(files / "tls" / "server.pem", files / "tls" / "ca.pem")

    healed = openbao.ensure_running(lab)

    assert healed.address == endpoint.address
    assert read(healed, path) == Stored(VALUES, 1)


def test_port_taken(lab: LabPaths, endpoint: VaultEndpoint, path: str) -> None:
    """If another program took the port meanwhile, it moves to a new one, says so, and loses nothing."""
    openbao.stop(lab)
    notes: list[Event] = []
    with socket.create_server(("127.0.0.1", int(endpoint.address.rpartition(":")[2]))):
        moved = openbao.ensure_running(lab, notes.append)

    assert moved.address != endpoint.address
    assert any(isinstance(note, Note) and "another program has port" in note.text for note in notes)
    assert read(moved, path) == Stored(VALUES, 1)


def test_revoked_token(lab: LabPaths, files: Path, path: str) -> None:
    """A token that is no longer valid is replaced."""
    keys = json.loads((files / "keys.json").read_text())
    (files / "keys.json").write_text(json.dumps({**keys, "fleet_token": "s.revoked"}))

    healed = openbao.ensure_running(lab)

    assert healed.token != Secret("s.revoked")
    assert read(healed, path) == Stored(VALUES, 1)


@pytest.mark.usefixtures("endpoint")
def test_interrupted_before_the_keys_were_saved(lab: LabPaths, files: Path) -> None:
    """Storage whose keys were never saved can hold nothing: it is made anew."""
    (files / "keys.json").unlink()

    healed = openbao.ensure_running(lab)

    assert read(healed, "koprogo/anything") is None


def test_nothing_for_other_eyes(endpoint: VaultEndpoint, files: Path) -> None:
    """Nobody else of the machine can read the keys, and no argument of the process shows them."""
    keys = json.loads((files / "keys.json").read_text())
    arguments = Path(f"/proc/{process_id(files)}/cmdline").read_bytes().decode()

    assert files.stat().st_mode & 0o077 == 0
    for name in ("keys.json", "tls/ca.key", "tls/server.key", "openbao.log"):
        assert (files / name).stat().st_mode & 0o077 == 0
    assert not any(key in arguments for key in keys.values())
    assert not any(key in (files / "openbao.log").read_text() for key in keys.values())
    assert endpoint.token.reveal() not in repr(endpoint)
