"""Running helm and kubectl: always with a deadline, never with a secret in the arguments."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from koprogo_fleet.core.errors import HelmError
from koprogo_fleet.core.paths import cache_dir, discovery_cache

_TAIL_LINES = 10
_STOP_SECONDS = 20.0


@dataclass(frozen=True)
class Completed:
    """How a program ended, and what it said."""

    exit_status: int
    stdout: str
    stderr: str

    @property
    def tail(self) -> str:
        """The last lines of what it said when it complained."""
        return "\n".join((self.stderr.strip() or self.stdout.strip()).splitlines()[-_TAIL_LINES:])


def run(
    program: Path, arguments: Sequence[str], *, stdin: str = "", timeout: float, kubeconfig: Path | None = None
) -> Completed:
    """
    Run *program* to its end.

    Args:
        program: the executable.
        arguments: visible to every user of this machine: no secrets.
        stdin: what the program reads; the place for values.
        timeout: seconds until it is killed.
        kubeconfig: of the cluster that it asks, if any.

    Raises:
        HelmError: it cannot be started, or did not end in time.
    """
    what = f"{program.name} {' '.join(arguments[:2])}"
    try:
        ended = subprocess.run(
            [program, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            env=_environment(kubeconfig),
            start_new_session=True,  # Ctrl-C is ours: Helm would stop in the middle
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise HelmError(
            f"{what}: no end after {timeout:.0f} s",
            cause="the Kubernetes API does not answer, or the tunnel to it is lost",
            next_step="run the same again; if it stays, look at the control planes",
        ) from error
    except OSError as error:
        raise _cannot_run(program, error) from error
    return Completed(ended.returncode, ended.stdout, ended.stderr)


class Running:
    """A program that runs beside us; what it says is kept in files that have no name."""

    def __init__(self, process: subprocess.Popen[bytes], stdout: IO[bytes], stderr: IO[bytes]) -> None:
        self._process, self._stdout, self._stderr = process, stdout, stderr

    def ended(self, within: float) -> Completed | None:
        """Return how it ended, or None if it still runs after so many seconds."""
        try:
            status = self._process.wait(within)
        except subprocess.TimeoutExpired:
            return None
        return Completed(status, _text(self._stdout), _text(self._stderr))

    def stop(self) -> None:
        """Ask it to end, which Helm does in good order, and kill it if it does not."""
        if self._process.poll() is None:
            self._process.terminate()
            if self.ended(_STOP_SECONDS) is None:
                self._process.kill()
                self._process.wait()


@contextmanager
def running(
    program: Path, arguments: Sequence[str], *, stdin: str = "", kubeconfig: Path | None = None
) -> Generator[Running]:
    """
    Start *program*, and yield it; it does not outlive the block. The parameters are those of :func:`run`.

    Raises:
        HelmError: it cannot be started.
    """
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        given.write(stdin.encode())
        given.seek(0)
        try:
            process = subprocess.Popen(
                [program, *arguments],
                stdin=given,
                stdout=stdout,
                stderr=stderr,
                env=_environment(kubeconfig),
                start_new_session=True,
            )
        except OSError as error:
            raise _cannot_run(program, error) from error
        started = Running(process, stdout, stderr)
        try:
            yield started
        finally:
            started.stop()


def _text(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read().decode(errors="replace")


def _cannot_run(program: Path, error: OSError) -> HelmError:
    return HelmError(
        f"{program}: cannot be run: {error.strerror or error}",
        next_step=f"remove {program}, so that a working one is found or fetched",
    )


def _environment(kubeconfig: Path | None) -> dict[str, str]:
    """Return ours without what would point helm or kubectl elsewhere (another cluster, driver, plugin or diff)."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HELM_", "KUBECTL_")) and name != "KUBECONFIG"
    }
    home = cache_dir() / "helm"
    learnt = {"KUBECONFIG": str(kubeconfig), "KUBECACHEDIR": str(discovery_cache(kubeconfig))} if kubeconfig else {}
    return (
        kept
        | learnt
        | {
            "LC_ALL": "C.UTF-8",
            "HELM_CACHE_HOME": str(home / "cache"),
            "HELM_CONFIG_HOME": str(home / "config"),
            "HELM_DATA_HOME": str(home / "data"),
        }
    )
