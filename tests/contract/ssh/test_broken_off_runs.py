"""Runs that are killed, paused, overtaken, or cannot write their journal: over real sshds, by real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from itertools import count
from pathlib import Path

import pytest
from small_fleet import Place, Runs, nornir_of, run, running_nodes

from koprogo_fleet.core.errors import CommandFailed, MissingRequirement
from koprogo_fleet.core.events import Event, Journaled
from koprogo_fleet.core.runs import DONE, list_runs
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.hosts.fence import DIRECTORY, TAKEN, claim_script, guard
from koprogo_fleet.ssh.connection import session_for
from koprogo_fleet.ssh.upload import push_file

NODES = ["cp-1", "cp-2", "cp-3"]
RECORDS = 2 + 2 + 2 * (2 + 2 * len(NODES))
"""The run's start and end, the claim, and two phases with a change of each node."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the directory of the nodes."""
    return tmp_path_factory.mktemp("nodes")


@pytest.fixture(scope="module")
def places(directory: Path) -> Iterator[dict[str, Place]]:
    """Start the nodes, or skip where that is not possible."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None or os.geteuid() != 0:
        pytest.skip("needs root and sshd (apt-get install openssh-server)")
    with running_nodes(program, NODES, directory) as places:
        yield places


@pytest.fixture(scope="module")
def runs(places: dict[str, Place]) -> Iterator[Runs]:
    """Have runs over all the nodes."""
    runs = Runs(places)
    yield runs
    runs.close()


@pytest.fixture(scope="module")
def lone_runs(places: dict[str, Place]) -> Iterator[Runs]:
    """Have runs over one of the nodes."""
    runs = Runs({NODES[0]: places[NODES[0]]})
    yield runs
    runs.close()


def fence(directory: Path, node: str = NODES[0]) -> tuple[int, str]:
    """Return the number and the run on a node's fence."""
    number, run_id = (directory / node / DIRECTORY.lstrip("/") / "fence").read_text().split()
    return int(number), run_id


def tree(root: Path) -> dict[str, tuple[int, str]]:
    """Return every file below *root*, with its mode and content."""
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): (path.stat().st_mode, path.read_text()) for path in files}


def test_killed_at_every_record_the_next_run_ends_the_same(
    runs: Runs, places: dict[str, Place], directory: Path, tmp_path: Path
) -> None:
    """Wherever in its journal a run is killed, the run after it leaves the nodes as one that was never killed."""
    nornir = nornir_of(places)
    run(nornir, tmp_path, tmp_path / "never-killed", "text\n")
    desired = tree(tmp_path / "never-killed")
    last = max(fence(directory, node)[0] for node in NODES)

    for record in count(1):
        state, root = tmp_path / f"state-{record}", tmp_path / f"root-{record}"
        runs.start(state, root, "text\n", signal.SIGKILL, record)
        said = runs.end()
        if said != "killed":
            break
        (killed,) = list_runs(state)
        journal = run(nornir, state, root, "text\n")

        assert ("killed" if record < RECORDS else "done") == killed.state
        assert desired == tree(root), f"killed at record {record}"
        assert {journal.run_id} == {fence(directory, node)[1] for node in NODES}
        assert last < (last := fence(directory)[0])

    assert ("done", RECORDS + 1) == (said, record)
    assert 4 * len(NODES) == len(desired)


@pytest.mark.parametrize("record", [4, 5])
def test_a_paused_run_that_was_overtaken_changes_nothing(
    lone_runs: Runs, places: dict[str, Place], directory: Path, tmp_path: Path, record: int
) -> None:
    """
    A run that is stopped after its claim finds the node taken when it goes on, and leaves it as it is.

    It is stopped before it looks (4), or between its decision and its change (5); meanwhile its lock file vanishes, and
    another run claims the node and changes it.
    """
    root = tmp_path / "root"
    first = lone_runs.start(tmp_path, root, "first\n", signal.SIGSTOP, record)
    wait_for("the first run stopped", lambda: _stopped(first), seconds=20, interval=0.05)
    number, owner = fence(directory)
    (tmp_path / "lock").unlink()

    second = run(nornir_of({NODES[0]: places[NODES[0]]}), tmp_path, root, "second\n")
    after = tree(root)
    os.kill(first, signal.SIGCONT)
    said = lone_runs.end()

    assert f"Fenced: cp-1: the run {second.run_id} has claimed this node since; nothing was changed" == said
    assert after == tree(root)
    assert "second\n" == after["cp-1/in-use"][1]
    assert (number + 1, second.run_id) == fence(directory)
    overtaken, winner = list_runs(tmp_path)
    assert (owner, "failed", "failed") == (overtaken.id, overtaken.outcome, overtaken.changes[0].outcome)
    assert "done" == winner.outcome


def _stopped(pid: int) -> None:
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    if state != "T":
        raise NotYet(state)


def test_an_upload_that_was_overtaken_never_gets_its_name(places: dict[str, Place], tmp_path: Path) -> None:
    """A file does not take the old one's place when another run claimed the node before, or while, it was sent."""
    nornir = nornir_of({NODES[0]: places[NODES[0]]})
    session = session_for(nornir.inventory.hosts[NODES[0]], nornir.config)
    local, remote = tmp_path / "local", tmp_path / "remote"
    local.write_text("new")
    remote.write_text("old")
    ours = guard(session.run("sh -s", stdin=claim_script("run-a"), timeout=60).stdout.decode())
    overtaken = f"{ours}[ -e {tmp_path}/begun ] || {{ touch {tmp_path}/begun; echo 9 run-b >{DIRECTORY}/fence; }}\n"

    for before in (overtaken, ours):
        with pytest.raises(CommandFailed) as caught:
            push_file(
                session,
                local,
                str(remote),
                mode="0644",
                sha256=sha256(b"new").hexdigest(),
                timeout=20,
                guard=before,
            )

        assert (TAKEN, "9 run-b\n") == (caught.value.exit_status, caught.value.stderr)
        assert "old" == remote.read_text()
        assert {"local", "remote", "begun"} == {path.name for path in tmp_path.iterdir()}
    nornir.close_connections()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 32 kB."""
    path = tmp_path / "small"
    path.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", path], check=True, timeout=60)
    yield path
    subprocess.run(["umount", "--lazy", path], check=True, timeout=60)


@pytest.mark.parametrize(("record", "there"), [(4, set()), (8, {"settings", "in-use"})])
def test_what_cannot_be_journalled_is_not_done(
    places: dict[str, Place], tmp_path: Path, small_disk: Path, record: int, there: set[str]
) -> None:
    """When the controller's disk fills up in the middle of a run, nothing is changed from there on."""

    def fill(event: Event) -> None:
        if event == Journaled(record):
            with suppress(OSError), (small_disk / "junk").open("wb", buffering=0) as junk:
                while junk.write(b"x" * 512):
                    pass

    root = tmp_path.joinpath(*["long" * 50] * 12)  # so that what is written down needs more than the page that is left
    with pytest.raises(MissingRequirement, match=r"No space left on device|bytes were written"):
        run(nornir_of({NODES[0]: places[NODES[0]]}), small_disk, root, "text", fill)

    assert there == {path.name for path in root.glob("cp-1/*")}
    (stopped,) = list_runs(small_disk)
    assert [DONE] * bool(there) == [change.outcome for change in stopped.changes]


def test_a_claim_waits_for_what_a_killed_run_left_going(places: dict[str, Place], tmp_path: Path) -> None:
    """What a node was told by a run that is gone comes to its end before the next run has the node."""
    nornir = nornir_of({NODES[0]: places[NODES[0]]})
    session = session_for(nornir.inventory.hosts[NODES[0]], nornir.config)
    claimed = session.run("sh -s", stdin=claim_script("killed"), timeout=60).stdout.decode()
    script = f"{guard(claimed)}\ntouch {tmp_path}/begun; sleep 3; echo killed >{tmp_path}/who\n"
    left = threading.Thread(target=lambda: session.run("sh -s", stdin=script.encode(), timeout=60))
    left.start()
    wait_for("it has begun", lambda: _there(tmp_path / "begun"), seconds=10, interval=0.05)
    begin = time.monotonic()

    run(nornir, tmp_path, tmp_path / "root", "next")

    assert time.monotonic() - begin > 2
    assert "killed\n" == (tmp_path / "who").read_text()
    left.join(10)


def _there(path: Path) -> None:
    if not path.exists():
        raise NotYet("not there")
