"""Running helm and kubectl: always with a deadline, never with a secret in the arguments."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.core.errors import HelmError
from koprogo_fleet.core.paths import cache_dir, discovery_cache

_TAIL_LINES = 10


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
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise HelmError(
            f"{what}: no end after {timeout:.0f} s",
            cause="the Kubernetes API does not answer, or the tunnel to it is lost",
            next_step="run the same again; if it stays, look at the control planes",
        ) from error
    except OSError as error:
        raise HelmError(
            f"{program}: cannot be run: {error.strerror or error}",
            next_step=f"remove {program}, so that a working one is found or fetched",
        ) from error
    return Completed(ended.returncode, ended.stdout, ended.stderr)


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
