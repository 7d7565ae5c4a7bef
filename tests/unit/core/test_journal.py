"""The journal: what a run was about to do, and what became of it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from koprogo_fleet.core.errors import MissingRequirement, NotConverged
from koprogo_fleet.core.journal import Journal, Step, last_unfinished, list_runs


def test_a_run_is_told_from_start_to_end(tmp_path: Path) -> None:
    """Command, target, steps and the end are read back as they were."""
    with Journal(tmp_path, "provision --yes", "lab") as journal:
        with journal.step("create instance a"):
            pass
        with journal.step("create instance b"):
            pass
    (run,) = list_runs(tmp_path)

    assert (journal.run_id, "provision --yes", "lab", "done") == (run.id, run.command, run.target, run.outcome)
    assert (Step("create instance a", "done"), Step("create instance b", "done")) == run.steps
    assert last_unfinished(tmp_path) is None


def test_the_intent_is_on_the_disk_before_the_step(tmp_path: Path) -> None:
    """While a step runs, another process already reads that it was begun."""
    with Journal(tmp_path, "provision", "lab") as journal, journal.step("create instance a"):
        run = last_unfinished(tmp_path)
        mode = journal.path.stat().st_mode & 0o777

    assert run is not None
    assert run.unknown == ("create instance a",)
    assert mode == 0o600


def test_failures_keep_their_reason_but_no_foreign_text(tmp_path: Path) -> None:
    """An explained error is told in its words; of any other, whose text may quote a secret, only the class."""

    def rotate() -> None:
        with Journal(tmp_path, "rotate", "lab") as journal:
            with suppress(NotConverged), journal.step("write"):
                raise NotConverged("a node is not as desired")
            with journal.step("push"):
                raise ValueError("the password hunter2 is too short")

    with pytest.raises(ValueError, match="hunter2"):
        rotate()
    (run,) = list_runs(tmp_path)

    assert run.outcome == "failed"
    assert run.steps == (
        Step("write", "failed", "NotConverged: a node is not as desired"),
        Step("push", "failed", "ValueError"),
    )
    assert "hunter2" not in (tmp_path / "journal" / f"{run.id}.jsonl").read_text()


def test_a_killed_run_is_found(tmp_path: Path) -> None:
    """After kill -9 the journal names the run, and the step whose result nobody knows."""
    program = (
        "import os, signal, sys; from pathlib import Path; from koprogo_fleet.core.journal import Journal\n"
        "with Journal(Path(sys.argv[1]), 'provision', 'lab') as journal:\n"
        "    with journal.step('create network'): pass\n"
        "    with journal.step('create instance a'): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], timeout=30, check=False)
    run = last_unfinished(tmp_path)

    assert done.returncode == -signal.SIGKILL
    assert run is not None
    assert (run.outcome, run.unknown) == (None, ("create instance a",))


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_is_ignored(tmp_path: Path, cut: int) -> None:
    """However the last line was cut off, the lines before it are read."""
    with Journal(tmp_path, "provision", "lab") as journal, journal.step("a"):
        pass
    whole = journal.path.read_bytes()
    journal.path.write_bytes(whole[:-cut])
    (run,) = list_runs(tmp_path)

    assert ("provision", (Step("a", "done"),)) == (run.command, run.steps)


def test_the_newest_run_decides(tmp_path: Path) -> None:
    """A run that was killed is no longer of interest when a later one has ended."""
    journal = Journal(tmp_path, "first", "lab").__enter__()
    with Journal(tmp_path, "second", "lab"):
        pass
    journal.__exit__(None, None, None)

    assert [run.command for run in list_runs(tmp_path)] == ["first", "second"]
    assert last_unfinished(tmp_path) is None
    assert list_runs(tmp_path / "empty") == ()
    assert last_unfinished(tmp_path / "empty") is None


def test_threads_do_not_tear_lines(tmp_path: Path) -> None:
    """Steps in many threads are all there, each line whole."""

    def work(name: str) -> None:
        for index in range(5):
            with journal.step(f"{name} {index}"):
                pass

    with Journal(tmp_path, "provision", "lab") as journal:
        threads = [threading.Thread(target=work, args=(f"thread {index}",)) for index in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert len([json.loads(line) for line in journal.path.read_text().splitlines()]) == 2 + 2 * 40
    assert {"done"} == {step.outcome for step in list_runs(tmp_path)[0].steps}


def test_nothing_is_done_that_cannot_be_written_down(tmp_path: Path) -> None:
    """When the disk takes no more, the intent fails, and with it the step, before it did anything."""
    program = (
        "import resource, signal, sys; from pathlib import Path; from koprogo_fleet.core.journal import Journal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try:\n"
        "    with Journal(Path(sys.argv[1]), 'provision', 'lab') as journal:\n"
        "        size = journal.path.stat().st_size\n"
        "        resource.setrlimit(resource.RLIMIT_FSIZE, (size + int(sys.argv[2]),) * 2)\n"
        "        with journal.step('create instance a'): print('done')\n"
        "except Exception as error: print(type(error).__name__, error.cause)\n"
    )
    for room in ("0", "20"):
        done = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path), room], capture_output=True, text=True, timeout=30, check=True
        )

        assert done.stdout == (
            "MissingRequirement without it a crash could not be recovered from, so nothing is changed\n"
        )
    assert [run.steps for run in list_runs(tmp_path)] == [(), ()]


def test_an_unwritable_state_directory_is_explained(tmp_path: Path) -> None:
    """A run does not start without its journal."""
    (tmp_path / "journal").write_text("in the way")

    with pytest.raises(MissingRequirement, match="cannot write the journal"), Journal(tmp_path, "provision", "lab"):
        pass
