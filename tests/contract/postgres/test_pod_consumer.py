"""The consumer of the lab's tests, which knows nothing of libpq, at a real server."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from database_scene import Scene, superuser

from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.secrets.spec import Values

PROGRAM = Path(__file__).parents[2] / "lab" / "database_consumer.py"


def environment(scene: Scene, values: Values) -> dict[str, str]:
    """Return what a pod has of its Secret."""
    names = {"username": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT", "dbname": "NAME"}
    assert values["host"].reveal() == scene.endpoint.host
    return {f"DATABASE_{name}": values[field].reveal() for field, name in names.items()}


def told(folder: Path, word: str, count: int) -> None:
    """Return when the consumer has told *count* logins that went so."""
    lines = [line for file in folder.iterdir() for line in file.read_text().splitlines()]
    if sum(line.startswith(word) for line in lines) < count:
        raise NotYet(f"{lines[-1:]}")


def test_it_tells_each_login(scene: Scene, tmp_path: Path) -> None:
    """It logs in with what a rotation made, and writes down the refusal once that is shut out; SIGTERM ends it well."""
    values = scene.created({}).new
    process = subprocess.Popen(
        [sys.executable, "-I", PROGRAM, scene.endpoint.ca, tmp_path], env=os.environ | environment(scene, values)
    )
    try:
        wait_for("ten logins", lambda: told(tmp_path, "ok", 10), seconds=30, interval=0.1)
        with superuser(scene.endpoint) as connection:
            connection.execute(f"ALTER ROLE {scene.spec.base}_a NOLOGIN")
        wait_for("a refusal", lambda: told(tmp_path, "failed", 1), seconds=30, interval=0.1)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
