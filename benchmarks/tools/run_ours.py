"""The program of ours, run as a process of its own: ``run_ours DIRECTORY PARALLEL WORK [FLEET]``."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from nornir.core.task import Result, Task

from benchmarks.resources import resources_of
from benchmarks.work import WORKS
from koprogo_fleet.workflows.nornir import open_nornir
from koprogo_tasks import converge


def main() -> None:
    """Converge all hosts, and print as JSON what changed and where the time went."""
    directory, parallel, work, *fleet_file = sys.argv[1:]
    settle = _baseline(Path(fleet_file[0])) if fleet_file else _work(work)
    start, begin = _seconds_since_start(), time.monotonic()
    nornir = open_nornir(Path(directory), num_workers=int(parallel), close_connections=True)
    loaded = time.monotonic()
    results = nornir.run(task=settle)
    ended = time.monotonic()
    results.raise_on_error()
    seconds = {"start": start, "inventory": loaded - begin, "run": ended - loaded}
    changed = sum(result.changed for result in results.values())
    json.dump({"hosts": len(results), "changed": changed, "seconds": seconds}, sys.stdout)


def _work(name: str) -> Callable[[Task], Result]:
    return lambda task: converge(task, resources_of(WORKS[name], task.host["directory"]))


def _baseline(fleet_file: Path) -> Callable[[Task], Result]:
    from benchmarks.baseline import full
    from koprogo_fleet.core.loader import load_fleet
    from koprogo_fleet.hosts.baseline.node import HANDLERS

    fleet = load_fleet(fleet_file)

    def settle(task: Task) -> Result:
        host = task.host
        return converge(task, full(fleet, host.name, host["vrack"]["mac"], host["directory"]), handlers=HANDLERS)

    return settle


def _seconds_since_start() -> float:
    """Return how long this process has lived: the interpreter's start and all imports."""
    fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
