"""``koprogo-fleet runs``: what people and machines are told of the runs in the journal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from koprogo_fleet.cli import app
from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import CommandFailed
from koprogo_fleet.core.journal import Journal
from koprogo_fleet.core.loader import load_fleet

INVENTORY = Path(__file__).parents[3] / "inventory"
MOTD = Difference(Operation.CHANGE, "file /etc/motd", "[old]", "[new]")


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int
    stdout: str
    stderr: str


Call = Callable[..., Ended]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work beside a copy of the example inventory, without credentials; return the fleet's state directory."""
    for name in os.environ:
        if name.startswith(("OVH_", "VAULT_", "KOPROGO_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KOPROGO_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    shutil.copytree(INVENTORY, tmp_path / "inventory")
    return tmp_path / "state" / load_fleet(INVENTORY / "lab" / "fleet.yaml").name


@pytest.fixture
def called(state: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    """Return what calls ``koprogo-fleet runs``."""
    assert state

    def call(*arguments: str) -> Ended:
        code = app.run(lambda: app.app(["runs", *arguments]))
        return Ended(code, *capsys.readouterr())

    return call


def failed_run(state: Path) -> str:
    """Write the journal of a run that failed on one host; return its id."""
    journal = Journal(state, "provision", "lab")
    with suppress(CommandFailed), journal, journal.step("Baseline"):
        with journal.change("cp-1", "converge", [MOTD]):
            pass
        with journal.change("cp-2", "converge", [MOTD]):
            raise CommandFailed("cp-2", "file /etc/motd", exit_status=1)
    return journal.run_id


def killed_run(state: Path, **arguments: str) -> str:
    """Write the journal of a run that was killed in the middle of a change; return its id."""
    program = (
        "import json, os, signal, sys; from pathlib import Path; from koprogo_fleet.core.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]), 'provision', 'lab', arguments=json.loads(sys.argv[2]))\n"
        "with journal, journal.step('Baseline'), journal.change('cp-1', 'converge'):\n"
        "    print(journal.run_id, flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    command = [sys.executable, "-c", program, str(state), json.dumps(arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=30, check=False).stdout.strip()


def test_the_list_tells_how_each_run_ended(state: Path, called: Call) -> None:
    """Machines get one object a run, the oldest first, with its state and what nobody knows the result of."""
    failed, killed = failed_run(state), killed_run(state)
    with Journal(state, "provision", "lab") as journal:
        done = called("list", "--json")

    assert 0 == done.code
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(failed, "failed"), (killed, "killed"), (journal.run_id, "running")] == [
        (run["id"], run["state"]) for run in found
    ]
    assert [[], ["Baseline", "cp-1: converge"], []] == [run["unknown"] for run in found]
    assert [2, 1, 0] == [len(run["changes"]) for run in found]


def test_people_see_every_change_with_its_outcome(state: Path, called: Call) -> None:
    """A run is shown by its steps, and under each by its changes: what was mended, and what became of it."""
    failed = failed_run(state)
    done = called("show", failed[-8:])

    assert 0 == done.code, done.stderr
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stdout.splitlines() if "│" in line]
    assert ["Baseline", "", ""] == rows[0][:3]
    assert rows[0][3].startswith("failed: CommandFailed: cp-2")
    assert ["", "cp-1", "converge", "done"] in rows
    assert ["", "", "change file /etc/motd: [old] -> [new]", ""] in rows
    assert "It ended with CommandFailed: cp-2: file /etc/motd: exit status 1" in done.stdout


def test_a_killed_run_is_shown_as_unknown(state: Path, called: Call) -> None:
    """Without an id the newest run is shown."""
    failed_run(state)
    killed = killed_run(state)
    shown = json.loads(called("show", "--json").stdout)

    assert (killed, "killed", None) == (shown["id"], shown["state"], shown["changes"][0]["outcome"])
    assert "unknown" in called("show").stdout


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        (("show", "nothing"), "no run has nothing in its id"),
        (("show", "2"), "2 is in the ids of 2 runs"),
        (("resume",), "does not say how it was begun"),
        (("resume", "--target", "ovh"), "no OVH credentials are set"),
    ],
)
def test_what_cannot_be_done_is_explained(state: Path, called: Call, arguments: tuple[str, ...], seen: str) -> None:
    """A run that does not exist, is not the only one, or was begun by a script, ends with exit code 2 and the reason."""
    failed_run(state)
    killed_run(state)
    done = called(*arguments)

    assert 2 == done.code
    assert seen in done.stderr


def test_there_is_nothing_to_resume(state: Path, called: Call) -> None:
    """Without a run, or after one that did all it should, or beside one that still runs, resuming is refused."""
    assert "there are no runs yet" in called("resume").stderr
    with Journal(state, "provision", "lab", arguments={"lab": "x"}):
        assert "still runs" in called("resume").stderr
    assert "is done: there is nothing to resume" in called("resume").stderr


def test_resume_says_what_is_unknown_and_runs_the_same_command(state: Path, called: Call) -> None:
    """First what nobody knows the result of, then the run's own command on its own inventory."""
    elsewhere = state.parents[1] / "elsewhere"
    shutil.copytree(INVENTORY, elsewhere)
    (elsewhere / "lab" / "fleet.yaml").write_text("name: broken\n")
    killed = killed_run(state, inventory=str(elsewhere), lab="none", boot_seconds="60.0")
    done = called("resume", "--yes")

    first, second, third, *_ = done.stdout.splitlines()
    assert f"Resuming the run {killed}, which was killed" == first
    assert "  result unknown, so it is looked at again: Baseline" == second
    assert "  result unknown, so it is looked at again: cp-1: converge" == third
    assert 2 == done.code
    assert f"{elsewhere}/lab/fleet.yaml" in done.stdout + done.stderr
