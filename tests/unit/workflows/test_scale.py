"""Pools with another count, before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from koprogo_fleet.core.errors import FileProblems, InputError
from koprogo_fleet.workflows.scale import counts_of, scaled

FLEET = """\
name: koprogo
pools:
  - {name: cp, role: server, count: 3, flavor: b2-7, first_address: 10.0.0.11}
  - {name: worker, role: agent, count: 3, flavor: b2-7, first_address: 10.0.0.21}  # they work
  - {name: build, role: agent, count: 0, flavor: b2-7, first_address: 10.0.0.41}
k3s: {version: v1.33.4+k3s1}
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return the folder of a fleet.yaml."""
    (tmp_path / "fleet.yaml").write_text(FLEET)
    return tmp_path


def test_what_is_asked_for() -> None:
    """Several pools can be given."""
    assert {"worker": 5, "build": 0} == counts_of(["worker=5", "build=0"])


@pytest.mark.parametrize("arguments", [["worker"], ["worker=-1"], ["worker=five"], ["=5"], ["worker=1", "worker=2"]])
def test_what_is_no_count(arguments: list[str]) -> None:
    """It is refused with an example."""
    with pytest.raises(InputError) as caught:
        counts_of(arguments)

    assert caught.value.next_step


def test_a_change_is_shown_and_then_written(directory: Path) -> None:
    """The diff has the line of each pool; the file changes when it is written, and keeps its permissions."""
    path = directory / "fleet.yaml"
    path.chmod(0o640)
    change = scaled(directory, {"workers": 5, "build": 2})

    assert [
        "-  - {name: worker, role: agent, count: 3, flavor: b2-7, first_address: 10.0.0.21}  # they work",
        "-  - {name: build, role: agent, count: 0, flavor: b2-7, first_address: 10.0.0.41}",
    ] == [line for line in change.diff.splitlines() if line.startswith("-  ")]
    assert [3, 5, 2] == [pool.count for pool in change.fleet.pools]
    assert path.read_text() == FLEET
    change.write()
    assert FLEET.replace("agent, count: 3", "agent, count: 5").replace("count: 0", "count: 2") == path.read_text()
    assert 0o640 == path.stat().st_mode & 0o777
    assert "" == scaled(directory, {"worker": 5}).diff


def test_a_file_that_was_edited_meanwhile_is_not_overwritten(directory: Path) -> None:
    """What a person wrote while the plan was read is kept."""
    change = scaled(directory, {"worker": 5})
    (directory / "fleet.yaml").write_text(f"{FLEET}# mine\n")

    with pytest.raises(InputError, match="edited meanwhile"):
        change.write()

    assert (directory / "fleet.yaml").read_text().endswith("# mine\n")


def test_control_planes_do_not_become_fewer(directory: Path) -> None:
    """It is refused with the reason, also where their number would be odd."""
    with pytest.raises(InputError, match="3 control planes: they do not become 1") as caught:
        scaled(directory, {"cp": 1})

    assert "etcd member" in (caught.value.cause or "")


def test_an_even_number_of_control_planes(directory: Path) -> None:
    """fleet.yaml's own rules hold: the mistake is told with the real file and its line, and nothing is written."""
    with pytest.raises(FileProblems, match="4 control planes") as caught:
        scaled(directory, {"cp": 4})

    assert {(directory / "fleet.yaml", 3)} == {(problem.file, problem.line) for problem in caught.value.problems}
    assert FLEET == (directory / "fleet.yaml").read_text()


def test_no_such_pool(directory: Path) -> None:
    """The pools that there are, are named, the nearest one first."""
    with pytest.raises(InputError, match='no pool "wroker"; did you mean "worker"') as caught:
        scaled(directory, {"wroker": 5})

    assert "cp, worker, build" in (caught.value.next_step or "")
