"""The benchmark itself, on three endpoints: it measures, counts, and catches a tool that does not do the work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.bed import Served
from benchmarks.cases import FLOOR, OURS, QUICK
from benchmarks.endpoints import Endpoints, endpoints
from benchmarks.measure import ToolFailed, measure
from benchmarks.report import page, summary
from benchmarks.rounds import Terms, UnequalWork, observe, run_case
from benchmarks.state import undo
from benchmarks.tools.job import Command, Job

ROOT = Path(__file__).resolve().parents[3]
TERMS = Terms(ROOT / "inventory/lab/fleet.yaml", rounds=1, parallel=3, tell=lambda _: None)
UNCHANGED, CHANGED = QUICK


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Endpoints]:
    """Start three endpoints."""
    with endpoints(3, tmp_path / "bed") as bed:
        yield bed


def test_a_round(bed: Endpoints, tmp_path: Path) -> None:
    """Where nothing is to be done, we log in once and run one command on each host, as the floor does."""
    results = run_case(UNCHANGED, bed, tmp_path, TERMS)

    assert {tool: Served(3, 3) for tool in (OURS, FLOOR)} == {tool: runs[0].served for tool, runs in results.items()}
    assert all(run.measured.descriptors > 3 < run.measured.memory_mib for runs in results.values() for run in runs)
    assert "| 3 SSH endpoints, nothing to change | floor |" in page(
        summary([UNCHANGED], {UNCHANGED.name: results}, TERMS, load=0.0)
    )


def test_a_round_that_changes_everything(bed: Endpoints, tmp_path: Path) -> None:
    """Where everything is to be changed, it is, with two commands a host."""
    results = run_case(CHANGED, bed, tmp_path, TERMS)

    assert Served(3, 6) == results[OURS][0].served


def test_a_tool_that_does_nothing_is_caught(bed: Endpoints, tmp_path: Path) -> None:
    """The time of a tool that leaves the files as they were is not taken."""
    terms = replace(TERMS, tools={"idle": lambda _: Command(("true",))})

    with pytest.raises(UnequalWork, match="idle left endpoint-1 otherwise than desired"):
        run_case(replace(CHANGED, tools=("idle",)), bed, tmp_path, terms)


def test_a_tool_that_writes_needlessly_is_caught(bed: Endpoints, tmp_path: Path) -> None:
    """Where nothing is to be done, a tool that writes the same again has not done the same work."""

    def rewrite(job: Job) -> Command:
        place = f"{job.targets[0].directory}/{job.work.files[0].name}"
        return Command(("sh", "-c", 'cp -p "$1" "$1.new" && mv "$1.new" "$1"', "sh", place))

    terms = replace(TERMS, tools={"eager": rewrite})

    with pytest.raises(UnequalWork, match="eager wrote on endpoint-1"):
        run_case(replace(UNCHANGED, tools=("eager",)), bed, tmp_path, terms)


def test_a_state_that_is_set_back(bed: Endpoints) -> None:
    """Before a run that changes everything, no file is as desired."""
    bed.run({target.name: undo(CHANGED.work, target) for target in bed.targets})

    for observed in observe(CHANGED, bed).values():
        assert len(CHANGED.work.files) // 2 == len(observed.states)
        assert all(state.split()[1] == "600" for state in observed.states.values())


def test_a_tool_that_fails(tmp_path: Path) -> None:
    """A tool's own words are shown when it fails."""
    with pytest.raises(ToolFailed, match="exit status 3\nno such luck"):
        measure(Command(("sh", "-c", "echo no such luck; exit 3")), tmp_path / "log")


def test_the_command_line(tmp_path: Path) -> None:
    """``--quick`` runs the whole of it, and writes nothing into the documentation."""
    command = [sys.executable, "-m", "benchmarks", "converge", "--quick", "--output", str(tmp_path)]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)

    assert 0 == done.returncode, done.stderr
    assert "| 3 SSH endpoints, everything to change | koprogo_fleet |" in done.stdout
    assert [] == list(tmp_path.iterdir())
