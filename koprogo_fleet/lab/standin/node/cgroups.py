"""A place for the pods in the control groups of a machine that is itself a container."""

from __future__ import annotations

import subprocess
from pathlib import Path

from koprogo_fleet.core.errors import MissingRequirement
from koprogo_fleet.lab.standin.node.layout import LAB_ENVIRONMENT
from koprogo_fleet.lab.standin.node.log import log

ROOT = Path("/sys/fs/cgroup")
CPUSET_FILES = ("cpuset.cpus", "cpuset.mems")
VARIABLE = "KOPROGO_LAB_CGROUP"


def prepare(node_name: str) -> str:
    """
    Make the kubelet's ``cgroupRoot`` in every hierarchy, and return it.

    Where the kernel has control group namespaces, the root that a node sees is its own; where it has none, all nodes
    see the host's, so each has a group of its own there. Version 2 is untried: no such host was at hand.

    Raises:
        MissingRequirement: the control groups cannot be written; containers cannot run on this node.
    """
    if (ROOT / "cgroup.controllers").exists():
        return "/"
    group = _lab_setting() or f"/koprogo-{node_name}"
    for hierarchy in _hierarchies():
        _make_writable(hierarchy)
        directory = hierarchy / group.lstrip("/")
        try:
            directory.mkdir(parents=True, exist_ok=True)
            for name in CPUSET_FILES:
                if (directory / name).exists() and not (directory / name).read_text().strip():
                    _inherit(hierarchy, directory, name)
        except OSError as error:
            raise MissingRequirement(
                f"cannot make the control group {directory}: {error.strerror}; containers cannot run on this node",
                next_step="boot the node with --capability=all",
            ) from error
    return group


def _hierarchies() -> list[Path]:
    """Return where the version 1 controllers are mounted; ``cpu,cpuacct`` may be one."""
    with Path("/proc/self/mounts").open() as mounts:
        fields = [line.split() for line in mounts]
    return [Path(target) for _, target, kind, *_ in fields if kind == "cgroup" and target.startswith(f"{ROOT}/")]


def _make_writable(hierarchy: Path) -> None:
    """Lift the read-only flag of this mount alone (``bind``), since its file system is busy elsewhere."""
    completed = subprocess.run(
        ["mount", "-o", "remount,bind,rw", hierarchy], capture_output=True, text=True, timeout=10, check=False
    )
    if completed.returncode != 0:
        log.warning("stand-in: %s stays read-only: %s", hierarchy, completed.stderr.strip())


def _inherit(hierarchy: Path, directory: Path, name: str) -> None:
    """Copy a cpuset value from the root down to *directory*: a new group has none, and takes no process without."""
    value = (hierarchy / name).read_text()
    for level in [*reversed(directory.relative_to(hierarchy).parents), directory.relative_to(hierarchy)][1:]:
        file = hierarchy / level / name
        if not file.read_text().strip():
            file.write_text(value)


def _lab_setting() -> str | None:
    """Return the group that the lab chose for this node, if it did."""
    try:
        lines = LAB_ENVIRONMENT.read_text().splitlines()
    except OSError:
        return None
    return next((line.partition("=")[2].strip() for line in lines if line.startswith(f"{VARIABLE}=")), None)
