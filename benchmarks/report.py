"""From rounds to figures, and from figures to the page and the JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import cloud_report, sealing_report
from benchmarks.baseline import full
from benchmarks.cases import ANSIBLE, FLOOR, OURS, PYINFRA, Case, Goal
from benchmarks.rounds import Round, Terms
from koprogo_fleet.core.loader import load_fleet

PACKAGES = {OURS: "koprogo-fleet", FLOOR: "paramiko", PYINFRA: "pyinfra", ANSIBLE: "ansible-core"}
UNITS = {
    "floors": "times the floor's time, both after their start",
    "seconds": "seconds after its start",
    "resources": "resources a node",
    "logins": "connections a host",
    "commands": "commands a host",
    "hosts_a_minute": "hosts a minute",
    "memory_mib": "MiB of memory",
    "descriptors": "file descriptors",
    **{f"ratio:{tool}": f"times as fast as {tool}, both after their start" for tool in (PYINFRA, ANSIBLE)},
}
_WHOLE = 100
"""From here on nobody reads the digits after the point."""

_HEADER = "<!-- Written by `nox -s bench -- converge`, `-- cloud` and `-- sealing`: run them again instead of editing this. -->\n"
_DONE = """\
A profile of the first version showed where it went, and this was done about it, the most costly first:

1. **Processes on the node.** A look at fifteen resources took a node 83 ms of processor time, because every file cost it
   a `stat` and a `sha256sum`, and every service a `systemctl show`. Looks now ask such questions together
   (`koprogo_fleet/hosts/questions.py`), and equal looks are taken once: 25 ms. For a change, systemd reads its units again
   only if it has to, services in a row are started at once, and plain files are written by the shell itself.
2. **Imports.** The library took 1.05 s of processor time to import, it takes 0.41 s: tasks, netmiko, the OVH client and
   paramiko's rarely used parts are imported when they are used.
3. **Python for each host.** known_hosts was read and decoded once for each host, keys too; frames were parsed by a regular
   expression that was compiled for each answer. Each is done once now. A delayed acknowledgement cost each connection 40 ms.
"""
_HOW = """\
Each run is a process of its own, timed from its start to its end, the interpreter's start included. Beside it stands the
time after the start: without the interpreter and the imports, but with the inventory, all hosts, and the report. The goals
are held against it, like for like: Python takes longer to import paramiko than paramiko to reach six hosts, and a script
that runs many tasks starts once. Ours and the floor tell it themselves; of a peer's time we take off what its `--version`
takes, measured in every round. The tools take turns,
for several rounds, with the same parallelism and the same `ulimit -n` of 1024. After each run the harness looks at every
host itself: content, mode and owner of every file, the state of every service; where nothing was to be done, also that no
file was written. A difference ends the benchmark.

- **floor**: bare paramiko; it connects, makes one exec that reads what we read, and throws the answer away.
- **Ansible**: ansible-core, pipelining, no fact gathering, ControlPersist: its connections serve all rounds of a case.
- **pyinfra**: its own operations, its own parallelism.
- **nodes** are Debian systems of the [embedded lab](lab.md), reached as a user with sudo; **endpoints** are addresses of the
  loopback behind one sshd, each with a directory of its own, reached as root. The login shell is plain sh everywhere.

```console
$ ./nox -s bench -- converge            # all of it, as root; exit status 1 if a goal is missed
$ ./nox -s bench -- converge --quick    # see that it works
$ ./nox -s bench -- converge --help
```

The figures as data: [benchmarks.json](benchmarks.json).
"""


def summary(
    cases: Sequence[Case], results: Mapping[str, Mapping[str, tuple[Round, ...]]], terms: Terms, load: float
) -> dict[str, Any]:
    """Return all figures as plain values; *load* is what the machine was busy with before."""
    return {
        "measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": machine(load),
        "versions": {tool: version(PACKAGES[tool]) for tool in sorted({t for case in cases for t in case.tools})},
        "parallel": terms.parallel,
        "rounds": terms.rounds,
        "cases": [_case(case, results[case.name], terms.fleet) for case in cases],
    }


def machine(load: float) -> dict[str, Any]:
    """Return what this machine is; *load* is what it was busy with before."""
    return {
        "cores": os.cpu_count(),
        "processor": _processor(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": load,
    }


def table(found: Mapping[str, Any]) -> str:
    """Return the results and the goals as two tables of Markdown."""
    lines = [
        "| Case | Tool | Median | Spread | Times ours | After its start | Times ours | CPU | Connections, commands a host |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for case in found["cases"]:
        for tool, figures in case["tools"].items():
            lines.append(
                f"| {case['title']} | {tool} | {figures['median']:.2f} s | {figures['min']:.2f} to {figures['max']:.2f} s "
                f"| {figures['median'] / case['tools'][OURS]['median']:.2f} "
                f"| {_seconds(figures['inside'])} | {_times(figures['inside'], case['tools'][OURS]['inside'])} "
                f"| {figures['processor']:.2f} s "
                f"| {figures['logins']:.1f}, {figures['commands']:.1f} |"
            )
    lines += ["", "| Case | Goal | Measured | Met |", "|---|---|---|---|"]
    for case in found["cases"]:
        for goal in case["goals"]:
            lines.append(
                f"| {case['title']} | {goal['goal']} | {goal['measured']} | {'yes' if goal['met'] else 'no'} |"
            )
    return "\n".join([*lines, ""])


def page(found: Mapping[str, Any]) -> str:
    """Return the page."""
    place = found["machine"]
    versions = ", ".join(f"{tool} {number}" for tool, number in found["versions"].items())
    inside = [
        f"| {case['title']} | " + " | ".join(f"{case['inside'][part]:.2f} s" for part in case["inside"]) + " |"
        for case in found["cases"]
    ]
    conditions = (
        f"Measured {found['measured']} on {place['cores']} cores ({place['processor']}), {place['memory_gib']} GiB, "
        f"Linux {place['kernel']}, Python {place['python']}, load before {place['load']:.1f}; {versions} (the floor's "
        f"number is paramiko's). {found['parallel']} hosts at a time, {found['rounds']} rounds.\n"
    )
    return "\n".join(
        [
            "# Benchmarks\n",
            _HEADER,
            conditions,
            table(found),
            "## Where our own time goes\n",
            "Medians; start is the interpreter's and all imports; what is left of a run is its end.\n",
            "| Case | start | inventory | all hosts |",
            "|---|---|---|---|",
            *inside,
            "",
            _DONE,
            *([cloud_report.section(found[cloud_report.NAME])] if cloud_report.NAME in found else []),
            *([sealing_report.section(found[sealing_report.NAME])] if sealing_report.NAME in found else []),
            "## How it is measured\n",
            _HOW,
        ]
    )


def write(found: Mapping[str, Any], directory: Path) -> None:
    """Write the page and the JSON into *directory*; what the other subject has measured stays."""
    path = directory / "benchmarks.json"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    together = {**before, **found}
    path.write_text(json.dumps(together, indent=2) + "\n", encoding="utf-8")
    (directory / "benchmarks.md").write_text(page(together), encoding="utf-8")


def _case(case: Case, runs: Mapping[str, tuple[Round, ...]], fleet: Path) -> dict[str, Any]:
    reports = [json.loads(run.measured.stdout) for run in runs[OURS]]
    hosts = reports[0]["hosts"]
    tools = {tool: _figures(rounds, hosts) for tool, rounds in runs.items()}
    ours = tools[OURS]
    values = {
        **{f"ratio:{tool}": figures["inside"] / ours["inside"] for tool, figures in tools.items() if figures["inside"]},
        **({"floors": ours["inside"] / tools[FLOOR]["inside"]} if FLOOR in tools else {}),
        "seconds": ours["inside"],
        "resources": _resources(case, fleet),
        "hosts_a_minute": 60 * hosts / ours["median"],
        **{name: ours[name] for name in ("logins", "commands", "memory_mib", "descriptors")},
    }
    return {
        "name": case.name,
        "title": case.title,
        "hosts": hosts,
        "resources": _resources(case, fleet),
        "tools": tools,
        "inside": {
            part: statistics.median(report["seconds"][part] for report in reports) for part in reports[0]["seconds"]
        },
        "goals": [_goal(goal, values[goal.figure]) for goal in case.goals if goal.figure in values],
    }


def _figures(rounds: Sequence[Round], hosts: int) -> dict[str, Any]:
    seconds = [run.measured.seconds for run in rounds]
    return {
        "median": statistics.median(seconds),
        "min": min(seconds),
        "max": max(seconds),
        "seconds": seconds,
        "inside": _inside(rounds),
        "processor": statistics.median(run.measured.processor_seconds for run in rounds),
        "memory_mib": max(run.measured.memory_mib for run in rounds),
        "descriptors": max(run.measured.descriptors for run in rounds),
        "logins": max(run.served.logins for run in rounds) / hosts,
        "commands": max(run.served.commands for run in rounds) / hosts,
    }


def _inside(rounds: Sequence[Round]) -> float | None:
    """Return the median without the start; None if that is not known."""
    known = [after for run in rounds if (after := _after_start(run)) is not None]
    return statistics.median(known) if len(known) == len(rounds) else None


def _after_start(run: Round) -> float | None:
    if run.start is not None:
        return run.measured.seconds - run.start
    if not run.measured.stdout.startswith("{"):
        return None
    return float(sum(took for part, took in json.loads(run.measured.stdout)["seconds"].items() if part != "start"))


def _times(value: float | None, ours: float) -> str:
    return "" if value is None else f"{value / ours:.2f}"


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"


def _goal(goal: Goal, value: float) -> dict[str, Any]:
    bound = f"at least {goal.least:g}" if goal.least is not None else f"at most {goal.most:g}"
    unit = UNITS[goal.figure]
    return {
        "goal": f"{bound} {unit}",
        "measured": f"{value:.2f}" if value < _WHOLE else f"{value:.0f}",
        "value": value,
        "met": goal.met(value),
    }


def _resources(case: Case, fleet: Path) -> int:
    if not case.with_baseline:
        return case.work.size
    loaded = load_fleet(fleet)
    return len(full(loaded, loaded.first_server.name, "", "/nowhere"))


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
