"""The Kubernetes programs: where they are, and which version they are."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from koprogo_fleet.core.errors import MissingRequirement
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab.standin.node.layout import BINARIES
from koprogo_fleet.lab.standin.node.log import log
from koprogo_fleet.lab.standin.node.release import VERSION

SERVER_PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy")
AGENT_PROGRAMS = ("kubelet", "kube-proxy")
BUILD_SECONDS = 1800


def program(name: str) -> Path:
    """Return the path of a Kubernetes program."""
    return BINARIES / name


def kubelet() -> Path:
    """Return the kubelet that reports the artefact's release, or the plain one where the lab could make no such."""
    of_release = BINARIES / "versions" / VERSION / "kubelet"
    return of_release if of_release.exists() else program("kubelet")


def wait_for_programs(names: tuple[str, ...]) -> None:
    """Return once the lab has built all of *names*; each appears whole, under its own name, when it is done."""

    def observe() -> None:
        if missing := [name for name in names if not program(name).exists()]:
            raise NotYet(f"not there yet: {', '.join(missing)}")

    if not all(program(name).exists() for name in names):
        log.info("stand-in: waiting for the lab to build the Kubernetes programs in %s", BINARIES)
    wait_for(f"the Kubernetes programs in {BINARIES}", observe, seconds=BUILD_SECONDS)


def kubernetes_version() -> str:
    """
    Return the version of the programs, as in ``v1.20.2+standin``.

    Raises:
        MissingRequirement: they are not there.
    """
    plain = program("kubelet")
    try:
        output = subprocess.run([plain, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise MissingRequirement(f"cannot run {plain}: {error}", next_step="koprogo-fleet lab up") from error
    return output.split()[-1]


def minor_version() -> int:
    """Return the middle number of the version: flags have come and gone since 1.20."""
    found = re.match(r"v\d+\.(\d+)", kubernetes_version())
    return int(found[1]) if found else 0
