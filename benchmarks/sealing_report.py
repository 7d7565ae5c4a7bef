"""The figures of sealing, as data and as a section of the page."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmarks.sealing import Run

NAME = "sealing"
THOUSAND = 1000
LEAST_RATIO = 20.0
MOST_SECONDS = 10.0
_ABOUT = """\
RSA keys of 4096 bits, one value a secret. A process for each is the least that such a process can be: it starts Python, reads
the certificate, seals one manifest that it gets on standard input; no command line, no cluster. What a thousand of them take is
reckoned from fewer. Threads bring nothing, and are not used: a value is sealed in less time than they take to take turns.
"""


def summary(runs: Sequence[Run], rounds: int, machine: Mapping[str, Any], measured: str) -> dict[str, Any]:
    """Return all figures as plain values."""
    seal, again, processes = runs
    together = (seal.each + again.each) * THOUSAND / 1000
    ratio = processes.each / seal.each
    return {
        "measured": measured,
        "machine": dict(machine),
        "rounds": rounds,
        "runs": [
            {
                "name": run.name,
                "count": run.count,
                "seconds": list(run.seconds),
                "median": statistics.median(run.seconds),
                "each": run.each,
            }
            for run in runs
        ],
        "goals": [
            {
                "goal": f"at least {LEAST_RATIO:g} times as fast as a process for each",
                "measured": f"{ratio:.0f}",
                "value": ratio,
                "met": ratio >= LEAST_RATIO,
            },
            {
                "goal": f"at most {MOST_SECONDS:g} seconds to seal 1000 secrets, and to seal them again",
                "measured": f"{together:.2f}",
                "value": together,
                "met": together <= MOST_SECONDS,
            },
        ],
    }


def table(found: Mapping[str, Any]) -> str:
    """Return the figures as tables of Markdown."""
    lines = ["| Work | Secrets | Median | Spread | For 1000 |", "|---|---|---|---|---|"]
    lines += [
        f"| {run['name']} | {run['count']} | {run['median']:.2f} s "
        f"| {min(run['seconds']):.2f} to {max(run['seconds']):.2f} s | {run['each']:.2f} s |"
        for run in found["runs"]
    ]
    lines += ["", "| Goal | Measured | Met |", "|---|---|---|"]
    lines += [f"| {goal['goal']} | {goal['measured']} | {'yes' if goal['met'] else 'no'} |" for goal in found["goals"]]
    return "\n".join([*lines, ""])


def section(found: Mapping[str, Any]) -> str:
    """Return the section of the page."""
    machine = found["machine"]
    conditions = (
        f"Measured {found['measured']} on {machine['cores']} cores ({machine['processor']}), Python {machine['python']}, "
        f"load before {machine['load']:.1f}; {found['rounds']} rounds.\n"
    )
    command = (
        "```console\n$ ./nox -s bench -- sealing          # needs no root\n$ ./nox -s bench -- sealing --quick\n```\n"
    )
    return "\n".join(["## Sealing\n", conditions, table(found), _ABOUT, command])
