"""How the command line ends: exit codes, and what is on standard error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import typer

from koprogo_fleet.cli import app, options, provision
from koprogo_fleet.core.errors import InputError, KoprogoError, NotConverged
from koprogo_fleet.workflows import provision as workflow
from koprogo_fleet.workflows import target

COMMAND = Path(sys.executable).with_name("koprogo-fleet")


def application(error: BaseException | None = None) -> typer.Typer:
    """Return an application whose only command raises *error*."""
    made = typer.Typer(pretty_exceptions_enable=False)

    @made.command()
    def only() -> None:
        if error:
            raise error

    return made


@pytest.fixture(autouse=True)
def _no_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["koprogo-fleet"])


def called(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run ``koprogo-fleet`` in *folder*, without anybody's credentials."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OVH_", "VAULT_", "KOPROGO_"))}
    return subprocess.run(
        [COMMAND, *arguments],
        cwd=folder,
        env=clean | {"HOME": str(folder)} | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("seen", cause="cause", next_step="next"), 2),
        (NotConverged("seen", cause="cause", next_step="next"), 1),
    ],
)
def test_an_explained_error_is_three_lines(error: KoprogoError, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is the error's own; standard error has the explanation and no traceback."""
    assert code == app.run(application(error))

    shown = capsys.readouterr()
    assert ("", "Error: seen\nLikely cause: cause\nNext: next\n") == (shown.out, shown.err)


def test_an_unexpected_error_is_shown_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    """A bug has an exit code of its own, keeps its traceback, and asks to be reported."""
    assert 70 == app.run(application(RuntimeError("impossible")))

    shown = capsys.readouterr().err
    assert shown.startswith("Traceback (most recent call last):")
    assert "RuntimeError: impossible\n" in shown
    assert shown.endswith("Please report it with the lines above.\n")


@pytest.mark.parametrize(("error", "code"), [(None, 0), (typer.Exit(3), 3), (SystemExit(4), 4)])
def test_a_command_chooses_its_exit_code(error: BaseException | None, code: int) -> None:
    """The exit code of a command is the program's."""
    assert code == app.run(application(error))


def test_an_interruption_says_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends with 130 and one sentence."""
    assert 130 == app.run(application(KeyboardInterrupt()))
    assert "Interrupted. Run the same command again: it goes on from here.\n" == capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nosuch",), "No such command 'nosuch'"),
        (("provision", "--nosuch"), "--nosuch"),
        (("provision", "--lab"), "'--lab' requires an argument"),
        (("plan", "--target", "ofh"), "'ofh' is not one of 'lab', 'ovh'"),
        (("provision", "--json"), "--json cannot ask for a confirmation"),
        (("plan", "--target", "ovh"), "no OVH credentials are set"),
        (("k3s", "status"), "fleet.yaml"),
    ],
)
def test_wrong_use_is_explained(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    """A wrong command, option or setting: exit code 2, a sentence on standard error, and nothing else."""
    done = called(*arguments, folder=tmp_path)

    assert (2, "") == (done.returncode, done.stdout)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert [] == list(tmp_path.iterdir())


def test_a_signal_ends_the_program_with_130(tmp_path: Path) -> None:
    """SIGINT, as Ctrl-C sends it, is not a traceback."""
    (tmp_path / "wait.py").write_text(
        "import time, typer\n"
        "from koprogo_fleet.cli.app import run\n"
        "app = typer.Typer()\n"
        "@app.command()\n"
        "def wait() -> None:\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
        "raise SystemExit(run(app))\n"
    )
    with subprocess.Popen(
        [sys.executable, tmp_path / "wait.py"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        assert "ready\n" == running.stdout.readline()
        running.send_signal(signal.SIGINT)
        _, shown = running.communicate(timeout=20)

    assert (130, "Interrupted. Run the same command again: it goes on from here.\n") == (running.returncode, shown)


def test_what_options_repeat_is_what_the_workflows_say() -> None:
    """What the options say for themselves, so that --help need not import the workflows, is the same there."""
    assert (target.LAB, target.OVH) == tuple(options.TargetKind)
    assert workflow.BOOT_SECONDS == provision.BOOT_SECONDS


def test_version(tmp_path: Path) -> None:
    """The version of the installed package is printed, and nothing else is asked for."""
    done = called("--version", folder=tmp_path)

    assert (0, f"koprogo-fleet {version('koprogo-fleet')}\n") == (done.returncode, done.stdout)
