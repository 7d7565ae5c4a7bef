"""Sealing a thousand secrets, and sealing them again, beside a process for each."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import report, sealing_report
from koprogo_fleet.secrets.sealing.keys import SealingKey, make_key
from koprogo_fleet.secrets.sealing.manifests import named, sealed_manifest
from koprogo_fleet.secrets.sealing.opened import opened

COUNT = 1000
QUICK = 20
PROCESSES = 60
"""So many are started to know what one costs; a thousand would take minutes, and tell the same."""

AT_ONCE = 2
ONE = """
import json, sys
from koprogo_fleet.secrets.sealing.certificate import SealingCertificate
from koprogo_fleet.secrets.sealing.manifests import named, sealed_manifest
asked = json.load(sys.stdin)
certificate = SealingCertificate.parse(asked["certificate"]).usable()
json.dump(sealed_manifest(named(asked["secret"]), certificate), sys.stdout)
"""
"""The least that a process can do: no command line, no cluster."""


@dataclass(frozen=True)
class Run:
    """One way to seal, in all rounds: the seconds for each *count* of secrets."""

    name: str
    count: int
    seconds: tuple[float, ...]

    @property
    def each(self) -> float:
        """The median for one secret, in milliseconds."""
        return statistics.median(self.seconds) / self.count * 1000


def main(rounds: int, output: Path | None, tell: Callable[[str], None]) -> int:
    """Measure, print the table, and write it beside the other figures in *output*; None writes nothing, and is quick."""
    load = os.getloadavg()[0]
    count, processes = (COUNT, PROCESSES) if output else (QUICK, AT_ONCE)
    old = make_key("kube-system", None)
    new = make_key("kube-system", old)
    secrets = [_secret(number) for number in range(count)]
    taken: list[list[float]] = [[], [], []]
    for number in range(rounds):
        tell(f"round {number + 1}")
        begun = time.monotonic()
        sealed = [sealed_manifest(named(secret), old.certificate.usable()) for secret in secrets]
        taken[0].append(time.monotonic() - begun)
        begun = time.monotonic()
        again = [opened(one, (new, old)).sealed_again(new.certificate) for one in sealed]
        taken[1].append(time.monotonic() - begun)
        _check(sealed, again, (new,))
        taken[2].append(_in_processes(secrets[:processes], old))
    runs = [
        Run("seal, one process", count, tuple(taken[0])),
        Run("seal again: open with the second of two keys, seal with the newest", count, tuple(taken[1])),
        Run(f"seal, a process for each, {AT_ONCE} at once", processes, tuple(taken[2])),
    ]
    found = sealing_report.summary(runs, rounds, report.machine(load), datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"))
    sys.stdout.write(sealing_report.table(found))
    if output is not None:
        report.write({sealing_report.NAME: found}, output)
    return 0 if output is None or all(goal["met"] for goal in found["goals"]) else 1


def _secret(number: int) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "koprogo", "name": f"secret-{number}"},
        "stringData": {"PASSWORD": f"{number:032d}"},
    }


def _check(sealed: Sequence[dict[str, Any]], again: Sequence[dict[str, Any]], keys: tuple[SealingKey, ...]) -> None:
    """See that what was sealed again opens with the newest key alone."""
    for one, patch in _pairs(sealed, again):
        found = opened({**one, "spec": patch["spec"]}, keys)
        if found.closed or not found.items:
            raise AssertionError(f"{found} was not sealed again")


def _pairs(
    sealed: Sequence[dict[str, Any]], again: Sequence[dict[str, Any]]
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    return zip(sealed, again, strict=True)


def _in_processes(secrets: Sequence[dict[str, Any]], key: SealingKey) -> float:
    def once(secret: dict[str, Any]) -> None:
        asked = json.dumps({"certificate": key.certificate.pem, "secret": secret})
        subprocess.run([sys.executable, "-c", ONE], input=asked, text=True, check=True, stdout=subprocess.DEVNULL)

    begun = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(once, secrets))
    return time.monotonic() - begun
