"""
One control group per machine, in every hierarchy: what its processes are known, measured and killed by.

Without it all machines would share systemd's ``payload`` group of whoever started them, and the systemd of one machine
would manage the processes of another.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab.commands import run

MOUNTS = Path("/proc/self/mounts")
SYSTEMD_RUNS = Path("/run/systemd/system")


@dataclass(frozen=True)
class Cgroup:
    """The control group *name* of the *lab*. On a host whose PID 1 is systemd, it is a scope delegated by that."""

    lab: str
    name: str

    def launcher(self) -> tuple[str | Path, ...]:
        """Return the command prefix that runs a program inside this group, and make the group where that is ours to do."""
        if SYSTEMD_RUNS.is_dir():
            properties = ("--property=Delegate=yes", "--property=CollectMode=inactive-or-failed")
            return ("systemd-run", "--scope", "--quiet", f"--unit={self._unit}", *properties)
        groups = [self._make(hierarchy) for hierarchy in _hierarchies()]
        enter = 'while [ "$1" != -- ]; do echo $$ > "$1/cgroup.procs"; shift; done; shift; exec "$@"'
        return ("sh", "-ec", enter, "sh", *groups, "--")

    def processes(self) -> set[int]:
        """Return the numbers of all processes in the group and below."""
        return {
            int(pid)
            for group in self._groups()
            for directory, _, _ in os.walk(group)
            for pid in _read(Path(directory) / "cgroup.procs").split()
        }

    def leader(self) -> int | None:
        """Return the process that is the machine's PID 1, once it has become systemd; its namespaces are complete then."""
        for pid in self.processes():
            namespace_pids = re.search(r"^NSpid:\s+\d+\s+1$", _read(Path(f"/proc/{pid}/status")), re.MULTILINE)
            if namespace_pids and _read(Path(f"/proc/{pid}/comm")).strip() == "systemd":
                return pid
        return None

    def kill(self) -> None:
        """End every process of the group at once; return when none is left."""

        def killed() -> None:
            if processes := self.processes():
                for pid in processes:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                raise NotYet(f"{len(processes)} processes are left")

        wait_for(f"the processes of {self.name} to end", killed, seconds=30, interval=0.05)

    def memory(self) -> int:
        """Return the bytes of memory that the processes of the group hold, the page cache left out."""
        for group in self._groups():
            for key in ("total_rss", "anon"):
                if found := re.search(rf"^{key} (\d+)$", _read(group / "memory.stat"), re.MULTILINE):
                    return int(found[1])
        return 0

    def remove(self) -> None:
        """Remove the group with all the groups that the machine made in it; no process is left."""
        if SYSTEMD_RUNS.is_dir():
            return  # systemd removes a scope with its last process

        def removed() -> None:
            for group in self._groups():
                try:
                    for directory, _, _ in os.walk(group, topdown=False):
                        Path(directory).rmdir()
                except OSError as error:  # a process that was killed counts until it is buried
                    raise NotYet(f"{group}: {error.strerror}") from error
                with suppress(OSError):  # other machines' groups are in it
                    group.parent.rmdir()

        wait_for(f"the control groups of {self.name} to be free", removed, seconds=10, interval=0.05)

    @property
    def _unit(self) -> str:
        return f"koprogo-lab-{self.lab}-{self.name}.scope"

    def _groups(self) -> list[Path]:
        if SYSTEMD_RUNS.is_dir():
            path = run(["systemctl", "show", "--property=ControlGroup", "--value", self._unit]).strip()
            groups = [hierarchy / path.lstrip("/") for hierarchy in _hierarchies()] if path else []
        else:
            groups = [hierarchy / f"koprogo-lab-{self.lab}" / self.name for hierarchy in _hierarchies()]
        return [group for group in groups if group.is_dir()]

    def _make(self, hierarchy: Path) -> Path:
        group = hierarchy
        for part in (f"koprogo-lab-{self.lab}", self.name):
            parent, group = group, group / part
            group.mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems"):  # empty in a new group of cgroup v1, which then takes nobody
                if (wanted := _read(parent / setting).strip()) and not _read(group / setting).strip():
                    (group / setting).write_text(wanted)
        return group


def _hierarchies() -> Iterator[Path]:
    """Yield where cgroup v2, or each controller of cgroup v1, is mounted."""
    for line in MOUNTS.read_text().splitlines():
        _, target, kind, *_ = line.split()
        if kind in {"cgroup", "cgroup2"}:
            yield Path(target)


def _read(path: Path) -> str:
    """Return a kernel file's content; empty when it is not (any more) there, as its process or group may go any time."""
    try:
        return path.read_text()
    except OSError:
        return ""
