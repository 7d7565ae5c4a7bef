"""Daemons, recognised and stopped."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from koprogo_fleet.lab import processes


@pytest.fixture
def process_file(tmp_path: Path) -> Iterator[Path]:
    """Give a process file whose process is ended afterwards."""
    file = tmp_path / "process"
    yield file
    processes.kill(file)


def start(process_file: Path, script: str) -> processes.Process | None:
    """Start a shell script as a daemon, and return its process unless it has ended already."""
    processes.start_daemon(["sh", "-c", script], process_file=process_file, log=process_file.with_name("log"))
    return processes.running(process_file)


def test_a_daemon_is_recognised_and_stopped(process_file: Path) -> None:
    """A started process is found again by its file, in a session of its own, and is gone after stop."""
    process = start(process_file, "exec sleep 60")

    assert process is not None
    assert processes.running(process_file) == process
    assert os.getsid(process.pid) == process.pid

    processes.stop(process_file, seconds=5)

    assert processes.running(process_file) is None
    assert not Path(f"/proc/{process.pid}/cmdline").exists() or not Path(f"/proc/{process.pid}/cmdline").read_bytes()
    assert not process_file.exists()


def test_a_deaf_daemon_is_killed_with_its_children(process_file: Path) -> None:
    """What ignores SIGTERM is ended by force after the given time, children included."""
    child_file = process_file.with_name("child")
    start(process_file, f"trap '' TERM; sleep 60 & echo $! > {child_file}; while :; do wait; done")
    while not (child_file.exists() and child_file.read_text()):
        time.sleep(0.01)

    processes.stop(process_file, seconds=0.2)

    stat = Path(f"/proc/{child_file.read_text().strip()}/stat")
    assert not stat.exists() or " Z " in stat.read_text()


def test_a_reused_number_is_not_ours(process_file: Path) -> None:
    """A process with the remembered number but another start time is never taken for ours, nor stopped."""
    process_file.write_text(json.dumps({"pid": os.getpid(), "start_time": 1}))

    assert processes.running(process_file) is None

    processes.stop(process_file, seconds=1)


def test_the_log_tells_why_a_daemon_ended(process_file: Path) -> None:
    """What a program said before it ended is in its log, which no other user can read."""
    start(process_file, "echo no such thing >&2; exit 3")
    while processes.running(process_file):
        time.sleep(0.01)

    log = process_file.with_name("log")
    assert processes.log_tail(log) == "  no such thing"
    assert log.stat().st_mode & 0o777 == 0o600


def test_nothing_known_is_fine(tmp_path: Path) -> None:
    """Stopping and killing what was never started does nothing."""
    processes.stop(tmp_path / "none", seconds=1)
    processes.kill(tmp_path / "none")

    assert processes.running(tmp_path / "none") is None
