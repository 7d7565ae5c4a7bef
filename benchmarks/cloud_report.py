"""The cloud commands' figures, as data and as a section of the page."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.cloud import Run

NAME = "cloud"
_ABOUT = """\
The OVH emulator in a process of its own, with machines that weigh nothing: what OVH itself takes (minutes, for instances) is
not in these figures, only our own work, our own waiting between two looks, and the fair pace of 60 calls at once and one a
second after that. Each command is a process of its own, timed from its start to its end; the median of all rounds, and how
many calls OVH got, logins and clock included.

`inventory sync` finds the inventory of a former sync: only for an instance that it has not seen yet does it ask for the MAC
address, by one call each, once in the instance's life. That a plan with nothing to do only reads lists, and how many
of them does not depend on the count of instances, is held by `tests/contract/ovh/test_calls_of_a_plan.py`.
"""


def summary(runs: Sequence[Run], rounds: int, machine: Mapping[str, Any], measured: str) -> dict[str, Any]:
    """Return all figures as plain values."""
    return {
        "measured": measured,
        "machine": dict(machine),
        "rounds": rounds,
        "runs": [
            {
                "fleet": run.fleet,
                "command": run.command,
                "reads": max(one.reads for one in run.rounds),
                "writes": max(one.writes for one in run.rounds),
                "median": statistics.median(one.measured.seconds for one in run.rounds),
                "seconds": [one.measured.seconds for one in run.rounds],
                "processor": statistics.median(one.measured.processor_seconds for one in run.rounds),
                "memory_mib": max(one.measured.memory_mib for one in run.rounds),
            }
            for run in runs
        ],
    }


def table(found: Mapping[str, Any]) -> str:
    """Return the figures as a table of Markdown."""
    lines = [
        "| Fleet | Command | Calls: GET, others | Median | Spread | CPU | Memory |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {run['fleet']} | {run['command']} | {run['reads']}, {run['writes']} | {run['median']:.2f} s "
        f"| {min(run['seconds']):.2f} to {max(run['seconds']):.2f} s | {run['processor']:.2f} s | {run['memory_mib']:.0f} MiB |"
        for run in found["runs"]
    ]
    return "\n".join([*lines, ""])


def section(found: Mapping[str, Any]) -> str:
    """Return the section of the page."""
    machine = found["machine"]
    conditions = (
        f"Measured {found['measured']} on {machine['cores']} cores ({machine['processor']}), Python {machine['python']}, "
        f"load before {machine['load']:.1f}; {found['rounds']} rounds.\n"
    )
    command = (
        "```console\n$ ./nox -s bench -- cloud            # needs no root\n$ ./nox -s bench -- cloud --quick\n```\n"
    )
    return "\n".join(["## The cloud commands\n", conditions, table(found), _ABOUT, command])
