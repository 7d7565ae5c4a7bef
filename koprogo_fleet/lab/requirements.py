"""What this machine must have before a lab can be built on it; what Debian or Ubuntu can install is installed."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from koprogo_fleet.core.errors import MissingRequirement
from koprogo_fleet.core.events import Listener, Note, ignore
from koprogo_fleet.core.paths import cache_dir
from koprogo_fleet.lab.commands import run
from koprogo_fleet.lab.paths import LABS_VARIABLE, labs_dir

GIB = 1024**3
NEEDED_DISK = 8 * GIB  # the image 0.5, building Kubernetes 4, six nodes 3
NEEDED_MEMORY = 5 * GIB  # three control planes 1 each, three workers 0.5 each
INSTALL_SECONDS = 600

# The Debian package of each file that the lab uses.
PACKAGES = {
    "mmdebstrap": "mmdebstrap",
    "systemd-nspawn": "systemd-container",
    "nft": "nftables",
    "ip": "iproute2",
    "losetup": "mount",
    "nsenter": "util-linux",
    "mkfs.ext4": "e2fsprogs",
    "/usr/share/keyrings/debian-archive-keyring.gpg": "debian-archive-keyring",
}


def check_rights() -> None:
    """
    Refuse to go on where no lab can be.

    Raises:
        MissingRequirement: this is not Linux, or we are not root.
    """
    if sys.platform != "linux":
        raise MissingRequirement(
            f"the lab runs on Linux, and this is {sys.platform}",
            next_step="use a Debian 12 or Ubuntu 24.04 machine, or OVH (set OVH_ENDPOINT and its credentials)",
        )
    if os.geteuid() != 0:
        raise MissingRequirement(
            "the lab needs root: it boots machines and makes bridges",
            next_step="run the same command with sudo",
        )


def ensure_programs(listener: Listener = ignore) -> None:
    """
    Install the programs that are missing.

    Raises:
        MissingRequirement: they are missing, and there is no apt-get.
        KoprogoError: apt-get failed.
    """
    install_packages(missing_packages(PACKAGES), listener)


def install_packages(packages: Sequence[str], listener: Listener = ignore) -> None:
    """
    Install these packages of Debian.

    Raises:
        MissingRequirement: there is no apt-get.
        KoprogoError: apt-get failed.
    """
    if not packages:
        return
    if shutil.which("apt-get") is None:
        raise MissingRequirement(
            f"these are missing: {', '.join(packages)} (named as Debian does)",
            next_step="install them with this system's package manager, then run the command again",
        )
    listener(Note(f"installing {', '.join(packages)} with apt-get"))
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (("update",), ("install", "--yes", "--no-install-recommends", *packages)):
        run(
            ["apt-get", "--quiet", "--option=DPkg::Lock::Timeout=300", *arguments],
            timeout=INSTALL_SECONDS,
            environment=environment,
            next_step=f"sudo apt-get install {' '.join(packages)}",
        )


def missing_packages(files: Iterable[str]) -> list[str]:
    """Return the packages of those *files* (programs by name, others by path) that this machine lacks, sorted."""
    return sorted({PACKAGES[file] for file in files if shutil.which(file) is None and not Path(file).is_file()})


def check_room() -> None:
    """
    Refuse to start a lab that would not fit.

    Raises:
        MissingRequirement: too little disk or memory, or a file system that cannot hold the nodes.
    """
    for directory, variable in ((cache_dir(), "KOPROGO_CACHE_DIR"), (labs_dir(), LABS_VARIABLE)):
        directory.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(directory).free
        if free < NEEDED_DISK:
            raise MissingRequirement(
                f"the lab needs {NEEDED_DISK / GIB:.0f} GiB of disk; {directory} has {free / GIB:.1f} GiB left",
                next_step=f"free some space, or name another place: export {variable}=/some/directory",
            )
    available = available_memory(Path("/proc/meminfo").read_text())
    if available < NEEDED_MEMORY:
        raise MissingRequirement(
            f"six nodes need {NEEDED_MEMORY / GIB:.0f} GiB of memory; {available / GIB:.1f} GiB are available",
            next_step="stop other programs, or take another lab down: koprogo-fleet lab down",
        )
    if run(["stat", "--file-system", "--format=%T", labs_dir()]).strip() == "overlayfs":
        raise MissingRequirement(
            f"{labs_dir()} is on overlayfs, and the nodes' overlays cannot lie on another overlay",
            cause="this machine is itself a container",
            next_step=f"mount a volume, and name it: export {LABS_VARIABLE}=/the/volume",
        )


def available_memory(meminfo: str) -> int:
    """Return how many bytes ``/proc/meminfo`` says can be had without swapping."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", meminfo, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
