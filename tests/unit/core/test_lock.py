"""One writer per fleet."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from koprogo_fleet.core.errors import KoprogoError, MissingRequirement
from koprogo_fleet.core.lock import exclusive

HOLD = """
import sys; from pathlib import Path; from koprogo_fleet.core.lock import exclusive
with exclusive(Path(sys.argv[1]), "koprogo-fleet provision"):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def _other_run(directory: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.communicate(timeout=10)


@pytest.mark.parametrize("paused", [False, True])
def test_a_second_run_is_refused_and_told_who_holds(tmp_path: Path, *, paused: bool) -> None:
    """The error names the holder's process, command and start, also while that process is stopped."""
    with _other_run(tmp_path) as process:
        if paused:
            process.send_signal(signal.SIGSTOP)
        with pytest.raises(KoprogoError) as caught, exclusive(tmp_path, "koprogo-fleet provision"):
            pass

    assert f"koprogo-fleet provision (process {process.pid} on {os.uname().nodename}, since 2" in caught.value.seen
    assert f"wait until it ends; if it hangs: kill {process.pid}" == caught.value.next_step


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    """After kill -9 of the holder the next run starts at once."""
    with _other_run(tmp_path) as process:
        process.kill()
        process.wait(timeout=10)
        with exclusive(tmp_path, "next"):
            pass


def test_it_is_free_again_after_the_block(tmp_path: Path) -> None:
    """The lock ends with the block, also with one that raises, and its file stays, empty and private."""
    with pytest.raises(RuntimeError), exclusive(tmp_path, "first"):
        raise RuntimeError
    with exclusive(tmp_path, "second"):
        held = (tmp_path / "lock").read_text()

    assert "second" in held
    assert ((tmp_path / "lock").read_text(), (tmp_path / "lock").stat().st_mode & 0o777) == ("", 0o600)


def test_a_second_thread_is_refused_too(tmp_path: Path) -> None:
    """Within one process the lock excludes as well."""
    with exclusive(tmp_path, "outer"), pytest.raises(KoprogoError, match="outer"), exclusive(tmp_path, "inner"):
        pass


@pytest.mark.parametrize("content", ["", "not JSON", "[]", "{}"])
def test_a_holder_that_does_not_say_who_it_is_still_holds(tmp_path: Path, content: str) -> None:
    """The text in the file is for people; only the kernel's lock decides."""
    with exclusive(tmp_path, "outer"):
        (tmp_path / "lock").write_text(content)
        with pytest.raises(KoprogoError, match="it has not said who it is"), exclusive(tmp_path, "inner"):
            pass


def test_a_directory_that_is_not_there_is_explained(tmp_path: Path) -> None:
    """A lock that cannot be made is a missing requirement."""
    with pytest.raises(MissingRequirement, match="No such file"), exclusive(tmp_path / "nowhere", "x"):
        pass
