"""The program of ours, run as a process of its own: ``run_ours DIRECTORY PARALLEL WORK [FLEET]``."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

from nornir.core.task import Result, Task

from benchmarks.resources import full, resources_of
from benchmarks.work import WORKS
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.hosts.baseline.node import HANDLERS
from koprogo_fleet.workflows.nornir import open_nornir
from koprogo_tasks import converge


def main() -> None:
    """Converge all hosts, and print as JSON what changed and where the time went."""
    start = _seconds_since_start()
    begin = time.monotonic()
    directory, parallel, work, *fleet_file = sys.argv[1:]
    fleet = load_fleet(Path(fleet_file[0])) if fleet_file else None
    nornir = open_nornir(Path(directory), num_workers=int(parallel), close_connections=True)

    def settle(task: Task) -> Result:
        host = task.host
        if fleet:
            wanted = full(fleet, host.name, host["vrack"]["mac"], host["directory"])
            return converge(task, wanted, handlers=HANDLERS)
        return converge(task, resources_of(WORKS[work], host["directory"]))

    loaded = time.monotonic()
    results = nornir.run(task=settle)
    ended = time.monotonic()
    results.raise_on_error()
    seconds = {"start": start, "inventory": loaded - begin, "run": ended - loaded}
    changed = sum(result.changed for result in results.values())
    json.dump({"hosts": len(results), "changed": changed, "seconds": seconds}, sys.stdout)


def _seconds_since_start() -> float:
    """Return how long this process has lived: the interpreter's start and all imports."""
    fields = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
