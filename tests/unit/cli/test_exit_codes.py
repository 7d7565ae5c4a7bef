"""The exit codes, by the program itself, and their reference."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from koprogo_fleet.cli import app
from koprogo_fleet.core import errors

PROGRAM = Path(sys.executable).with_name("koprogo-fleet")
ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "exit-codes.md"


def environment(folder: Path) -> dict[str, str]:
    """Return this environment, without anybody's credentials, at home in *folder*."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OVH_", "VAULT_", "KOPROGO_"))}
    return clean | {"HOME": str(folder)}


def ended(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program in *folder*."""
    return subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, ("--help",)),
        (2, ("plan", "--log-file", "/nonexistent/log")),
        (2, ("plan", "--json", "--log-file", "/nonexistent/log")),
    ],
)
def test_the_program_ends_with(code: int, arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Help is success; wrong use is 2, explained on standard error alone, without a traceback."""
    done = ended(tmp_path, PROGRAM, *arguments)

    assert code == done.returncode, done.stderr
    assert "Traceback" not in done.stderr
    assert bool(done.stdout) is (code == 0)
    assert bool(done.stderr) is (code != 0)


def test_mistakes_in_a_file_are_errors_of_the_run(tmp_path: Path) -> None:
    """People read them on standard error, machines on standard output before the summary, and the log has them."""
    shutil.copytree(ROOT / "inventory" / "lab", tmp_path / "inventory" / "lab")
    (tmp_path / "inventory" / "lab" / "fleet.yaml").write_text("nme: x\n", encoding="ascii")

    people = ended(tmp_path, PROGRAM, "plan", "--log-file", "log")
    machines = ended(tmp_path, PROGRAM, "plan", "--json")

    assert (2, 2) == (people.returncode, machines.returncode)
    assert "nme" in people.stderr
    assert "Error" not in people.stdout
    assert "" == machines.stderr
    assert ["target", "error", "summary"] == re.findall(r'^{"event": "([\w-]+)"', machines.stdout, re.MULTILINE)
    assert " error FileProblems: " in (tmp_path / "log").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (0, None),
        (1, errors.NotConverged("seen")),
        (2, errors.Unreachable("cp-1", "no route")),
        (3, typer.Exit(errors.EXIT_CHANGES)),
        (70, RuntimeError("impossible")),
        (130, KeyboardInterrupt()),
    ],
)
def test_a_command_that_ends_like_this(
    code: int, error: BaseException | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each way to end has its code; a traceback is shown for bugs alone."""
    monkeypatch.setattr(sys, "argv", ["koprogo-fleet"])
    application = typer.Typer(pretty_exceptions_enable=False)

    @application.command()
    def only() -> None:
        if error:
            raise error

    assert code == app.run(application)
    shown = capsys.readouterr()
    assert ("Traceback" in shown.err) is (code == 70)
    assert "" == shown.out


def test_ctrl_c_ends_the_program_with_130(tmp_path: Path) -> None:
    """SIGINT while a file is read: one sentence, no traceback."""
    shutil.copytree(ROOT / "inventory" / "lab", tmp_path / "inventory" / "lab")
    fifo = tmp_path / "inventory" / "lab" / "fleet.yaml"
    fifo.unlink()
    os.mkfifo(fifo)
    with (
        subprocess.Popen(
            [PROGRAM, "plan", "--log-file", "log"],
            cwd=tmp_path,
            env=environment(tmp_path),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as running,
        fifo.open("w"),
    ):  # until the program opens it, too
        running.send_signal(signal.SIGINT)
        _, shown = running.communicate(timeout=20)

    assert 130 == running.returncode
    assert "Interrupted. Run the same command again: it goes on from here.\n" == shown


def test_every_exit_code_is_documented() -> None:
    """The page has a row for each exit code of the code, and no other."""
    codes = sorted(value for name, value in vars(errors).items() if name.startswith("EXIT_"))

    assert codes == [int(code) for code in re.findall(r"^\| (\d+) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)]
