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

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import CommandFailed, CommandTimeout, MissingRequirement, NotConverged, SessionLost
from koprogo_fleet.core.events import Event, Journaled
from koprogo_fleet.core.journal import Journal
from koprogo_fleet.core.runs import Change, Step, last_unfinished, list_runs


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
    assert (run.outcome, run.state, run.unknown) == (None, "killed", ("create instance a",))


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
        "        with journal.step('x') if sys.argv[3] == 'step' else journal.change('h', 'x'): print('done')\n"
        "except Exception as error: print(type(error).__name__, error.cause)\n"
    )
    for room, what in (("0", "step"), ("20", "step"), ("0", "change"), ("20", "change")):
        command = [sys.executable, "-c", program, str(tmp_path), room, what]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)

        assert done.stdout == (
            "MissingRequirement without it a crash could not be recovered from, so nothing is changed\n"
        )
    assert [(run.steps, run.changes) for run in list_runs(tmp_path)] == [((), ())] * 4


def test_changes_of_hosts_are_told_under_their_step(tmp_path: Path) -> None:
    """Each host's change is there with what it mends, in the step in which it was made, and with its own outcome."""
    mended = Difference(Operation.CHANGE, "file /etc/motd", "old", "new", detail="+not a line of the journal")
    with Journal(tmp_path, "provision", "lab") as journal, journal.step("baseline"):
        with journal.change("cp-1", "converge", [mended]):
            pass
        with suppress(CommandFailed), journal.change("cp-2", "converge"):
            raise CommandFailed("cp-2", "sshd", exit_status=1)
    (run,) = list_runs(tmp_path)

    assert run.steps == (Step("baseline", "done"),)
    assert run.changes == (
        Change("cp-1", "converge", "baseline", ("change file /etc/motd: old -> new",), "done"),
        Change("cp-2", "converge", "baseline", (), "failed", "CommandFailed: cp-2: sshd: exit status 1"),
    )
    assert run.unknown == ()
    assert "not a line" not in journal.path.read_text()


@pytest.mark.parametrize("error", [SessionLost("cp-1", "gone"), CommandTimeout("cp-1", "slow"), KeyboardInterrupt()])
def test_what_was_broken_off_is_unknown(tmp_path: Path, error: BaseException) -> None:
    """After a lost connection, a deadline or Ctrl-C in its middle, a change is neither done nor failed."""
    with (
        Journal(tmp_path, "provision", "lab") as journal,
        suppress(type(error)),
        journal.step("baseline"),
        journal.change("cp-1", "converge"),
    ):
        raise error
    (run,) = list_runs(tmp_path)

    assert run.unknown == ("baseline", "cp-1: converge")
    assert run.changes[0].reason.startswith(type(error).__name__)


def test_the_listener_hears_of_a_record_that_is_on_the_disk(tmp_path: Path) -> None:
    """Records are numbered from 1, and each is in the file when it is told."""
    heard: list[tuple[Event, int]] = []
    journal = Journal(
        tmp_path, "x", "lab", listener=lambda event: heard.append((event, len(journal.path.read_bytes().splitlines())))
    )
    with journal, journal.step("a"), journal.change("h", "b"):
        pass

    assert [(Journaled(number), number) for number in range(1, 7)] == heard


def test_after_a_record_that_could_not_be_written_nothing_is_done(tmp_path: Path) -> None:
    """Even when there is room again, a journal with a gap allows no more changes."""
    program = (
        "import resource, signal, sys; from pathlib import Path; from koprogo_fleet.core.journal import Journal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "journal = Journal(Path(sys.argv[1]), 'provision', 'lab').__enter__()\n"
        "for limit in (0, resource.RLIM_INFINITY):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))\n"
        "    try:\n"
        "        with journal.change('cp-1', 'converge'): print('done')\n"
        "    except Exception as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, timeout=30, check=True
    )

    first, second = done.stdout.splitlines()
    assert "File too large" in first
    assert "an earlier record could not be written" in second


def test_an_ended_run_is_over(tmp_path: Path) -> None:
    """A thread that was left behind cannot change anything under a run that has ended, nor write to another file."""
    with Journal(tmp_path, "provision", "lab") as journal:
        pass
    content = journal.path.read_bytes()
    done = []

    with (
        (tmp_path / "other").open("wb"),
        pytest.raises(MissingRequirement, match="the run has ended"),
        journal.change("cp-1", "converge"),
    ):
        done.append("changed")

    assert ([], b"", content) == (done, (tmp_path / "other").read_bytes(), journal.path.read_bytes())


def test_a_run_says_whether_it_runs_and_how_to_do_it_again(tmp_path: Path) -> None:
    """While it lives it is running, and its arguments are those that it was given."""
    with Journal(tmp_path, "provision", "lab", arguments={"inventory": "/srv/é"}):
        (during,) = list_runs(tmp_path)
    (after,) = list_runs(tmp_path)

    assert ("running", "done") == (during.state, after.state)
    assert {"inventory": "/srv/é"} == after.arguments


def test_an_unwritable_state_directory_is_explained(tmp_path: Path) -> None:
    """A run does not start without its journal."""
    (tmp_path / "journal").write_text("in the way")

    with pytest.raises(MissingRequirement, match="cannot write the journal"), Journal(tmp_path, "provision", "lab"):
        pass
