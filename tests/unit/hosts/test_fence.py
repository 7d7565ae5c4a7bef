"""The fence of a node, kept by the real sh and flock."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from koprogo_fleet.core.errors import CommandTimeout, Fenced
from koprogo_fleet.hosts.fence import BUSY, TAKEN, claim_script, guard, refusal

GO = "echo went on\n"


def sh(script: str | bytes) -> subprocess.CompletedProcess[bytes]:
    """Run a script as a task does."""
    text = script.encode() if isinstance(script, str) else script
    return subprocess.run(["sh", "-s"], input=text, capture_output=True, check=False, timeout=20)


def claimed(directory: Path, run_id: str) -> str:
    """Claim, and return the fence."""
    done = sh(claim_script(run_id, directory=str(directory)))
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


@contextmanager
def change_going_on(directory: Path, fence: str) -> Iterator[None]:
    """Hold the node as an apply script does, while the block runs."""
    script = guard(fence, directory=str(directory)) + "echo begun\nread -r _\n"
    with subprocess.Popen(["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        yield
        process.communicate(b"\n", timeout=10)


def test_each_claim_has_the_next_number(tmp_path: Path) -> None:
    """Numbers only grow, whoever claims; the file is what was printed, and only root's."""
    directory = tmp_path / "new dir"

    assert ["1 run-a\n", "2 run-b\n", "3 run-a\n"] == [claimed(directory, f"run-{name}") for name in "aba"]
    assert "3 run-a\n" == (directory / "fence").read_text()
    assert (0o700, 0o600) == (directory.stat().st_mode & 0o777, (directory / "fence").stat().st_mode & 0o777)
    assert [directory / "fence"] == list(directory.iterdir())


@pytest.mark.parametrize("text", ["", "\n", "junk", "-1 x\n", "08 x\n", "9" * 30 + " x\n", "$(id) x\n"])
def test_a_damaged_fence_can_be_claimed(tmp_path: Path, text: str) -> None:
    """Whatever the file says, the next run gets the node, and no earlier one keeps it."""
    (tmp_path / "fence").write_text(text)

    assert "1 run\n" == claimed(tmp_path, "run")


def test_only_the_last_claim_goes_on(tmp_path: Path) -> None:
    """What was claimed before somebody else claimed is refused, and the refusal says who has the node now."""
    first = claimed(tmp_path, "run-a")
    assert b"went on\n" == sh(guard(first, directory=str(tmp_path)) + GO).stdout

    second = claimed(tmp_path, "run-b")
    refused = sh(guard(first, directory=str(tmp_path)) + GO)

    assert (TAKEN, b"", second.encode()) == (refused.returncode, refused.stdout, refused.stderr)
    assert b"went on\n" == sh(guard(second, directory=str(tmp_path)) + GO).stdout


def test_the_same_run_needs_its_own_last_claim(tmp_path: Path) -> None:
    """The number counts, not the run's id alone."""
    first = claimed(tmp_path, "run-a")
    claimed(tmp_path, "run-a")

    assert TAKEN == sh(guard(first, directory=str(tmp_path)) + GO).returncode


def test_a_fence_that_is_gone_is_no_leave(tmp_path: Path) -> None:
    """Without the file, or without its directory, nothing goes on."""
    fence = claimed(tmp_path / "a", "run-a")
    (tmp_path / "a" / "fence").unlink()

    for directory in (tmp_path / "a", tmp_path / "nowhere"):
        done = sh(guard(fence, directory=str(directory)) + GO)

        assert (TAKEN, b"", b"\n") == (done.returncode, done.stdout, done.stderr)


def test_without_a_claim_there_is_no_guard() -> None:
    """A Nornir user's own script needs no fence."""
    assert not guard(None)


def test_a_claim_waits_for_a_change(tmp_path: Path) -> None:
    """While a change is going on nobody claims the node, and nobody begins another change; both say whose it is."""
    fence = claimed(tmp_path, "run-a")
    with change_going_on(tmp_path, fence):
        claim = sh(claim_script("run-b", seconds=0, directory=str(tmp_path)))
        change = sh(guard(fence, seconds=0, directory=str(tmp_path)) + GO)

        for refused in (claim, change):
            assert (BUSY, b"", fence.encode()) == (refused.returncode, refused.stdout, refused.stderr)

    assert "2 run-b\n" == claimed(tmp_path, "run-b")


def test_a_change_that_ends_is_waited_for(tmp_path: Path) -> None:
    """A claim that finds a change going on has the node as soon as that has ended."""
    fence = claimed(tmp_path, "run-a")
    script = guard(fence, directory=str(tmp_path)) + "echo begun; sleep 0.3\n"
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        begin = time.monotonic()

        assert "2 run-b\n" == claimed(tmp_path, "run-b")
        assert time.monotonic() - begin > 0.1


def test_hostile_run_ids_are_text(tmp_path: Path) -> None:
    """A run's id is never executed."""
    run_id = f"'$(touch {tmp_path}/pwned)`id`\"%s"
    fence = claimed(tmp_path, run_id)

    assert f"1 {run_id}\n" == fence
    assert b"went on\n" == sh(guard(fence, directory=str(tmp_path)) + GO).stdout
    assert [tmp_path / "fence"] == list(tmp_path.iterdir())


def test_refusals_name_the_run() -> None:
    """The error says which run has the node, or that the claim is gone, or whose change is going on."""
    taken, gone, busy = (refusal("cp-1", *said) for said in ((TAKEN, "7 run-b\n"), (TAKEN, "\n"), (BUSY, "6 run-a\n")))

    assert isinstance(taken, Fenced)
    assert ("7 run-b", "cp-1: the run run-b has claimed this node since; nothing was changed") == (
        taken.fence,
        taken.seen,
    )
    assert isinstance(gone, Fenced)
    assert "no longer on the node" in gone.seen
    assert isinstance(busy, CommandTimeout)
    assert "begun by the run run-a" in busy.seen
    assert all(error and error.next_step for error in (taken, gone, busy))
    assert refusal("cp-1", 1, "7 run-b") is None
