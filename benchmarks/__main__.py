"""``python -m benchmarks converge``, ``cloud`` and ``sealing``: see ``--help``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks import cloud, sealing
from benchmarks.bed import Bed
from benchmarks.cases import CASES, OURS, QUICK, TOOLS, Case
from benchmarks.endpoints import endpoints
from benchmarks.nodes import nodes
from benchmarks.report import summary, table, write
from benchmarks.rounds import Round, Terms, run_case
from koprogo_fleet.core.loader import load_fleet

ROOT = Path(__file__).resolve().parent.parent
FLEET = ROOT / "inventory" / "lab" / "fleet.yaml"


def main(arguments: Sequence[str]) -> int:
    """Run what the command line says; return 0 if every goal is met."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # the hosts are taken down then, too
    if options.subject == "cloud":
        return cloud.main(1 if options.quick else options.rounds, None if options.quick else options.output, _tell)
    if options.subject == "sealing":
        return sealing.main(1 if options.quick else options.rounds, None if options.quick else options.output, _tell)
    if options.quick:
        cases: tuple[Case, ...] = QUICK
    else:
        cases = tuple(_only(case, options.tool) for case in CASES if not options.case or case.name in options.case)
    terms = Terms(FLEET, 1 if options.quick else options.rounds, options.parallel, _tell)
    load = os.getloadavg()[0]
    results: dict[str, Mapping[str, tuple[Round, ...]]] = {}
    with tempfile.TemporaryDirectory(prefix="kb-") as temporary:
        directory = Path(temporary)
        for place, together in _by_place(cases):
            with _bed(place, directory) as bed:
                for case in together:
                    (directory / case.name).mkdir()
                    results[case.name] = run_case(case, bed, directory / case.name, terms)
    found = summary([case for case in cases if case.name in results], results, terms, load)
    sys.stdout.write(table(found))
    if not options.quick:
        write(found, options.output)
    return 0 if all(goal["met"] for case in found["cases"] for goal in case["goals"]) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nox -s bench --", description="Compare koprogo_fleet with its peers.")
    parser.add_argument("subject", choices=["converge", "cloud", "sealing"], help="what is measured")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each tool in each case (default: 3)")
    parser.add_argument("--parallel", type=int, default=20, help="hosts at a time, for every tool (default: 20)")
    parser.add_argument(
        "--case", action="append", choices=[case.name for case in CASES], help="only this; may be repeated"
    )
    parser.add_argument("--tool", action="append", choices=TOOLS, help="beside ours only this; may be repeated")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="see that it works: one round, 3 endpoints or 20 instances, nothing written",
    )
    parser.add_argument(
        "--output", type=Path, default=ROOT / "docs" / "reference", help="where the page and the JSON are written"
    )
    return parser


def _only(case: Case, tools: Sequence[str] | None) -> Case:
    """Return *case* with these peers alone."""
    return replace(case, tools=tuple(tool for tool in case.tools if tools is None or tool in {OURS, *tools}))


def _by_place(cases: Sequence[Case]) -> Iterator[tuple[int, list[Case]]]:
    """Yield the cases that run on the same hosts, so that these are set up once."""
    for place in dict.fromkeys(case.endpoints for case in cases):
        yield place, [case for case in cases if case.endpoints == place]


@contextmanager
def _bed(count: int, directory: Path) -> Iterator[Bed]:
    if count:
        _tell(f"starting {count} SSH endpoints")
        with endpoints(count, directory / f"bed-{count}") as bed:
            yield bed
    else:
        _tell("booting six nodes")
        with nodes(load_fleet(FLEET), directory / "bed") as bed:
            yield bed


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
