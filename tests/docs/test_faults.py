"""The table of faults names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import ROOT, page

ROWS = page("docs/reference/faults.md").rows()
CASES = (
    "1",
    "2",
    "5",
    "6",
    "7",
    "8",
    "9",
    "10",
    "11",
    "12",
    "13",
    "14",
    "15",
    "16",
    "17",
    "18",
    "19",
    "20",
    "21",
    "22",
    "23",
    "25",
    "27",
    "28",
    "29",
    "30",
)
NAMED = [tuple(named.split("::")) for row in ROWS for named in re.findall(r"`([^`]+::[^`]+)`", row[-1])]


def test_every_case_has_a_test() -> None:
    """No case is missing, and none stands there without a test that shows it."""
    assert list(CASES) == [row[0] for row in ROWS]
    assert all("::" in row[-1] for row in ROWS)


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_the_test_exists(path: str, name: str) -> None:
    """What the table names is a test of that file."""
    assert re.search(rf"^def {name}\(", (ROOT / path).read_text(), re.MULTILINE)


def test_the_lab_s_tests_are_all_named() -> None:
    """Each test of the engine's faults in the lab stands at its case."""
    path = "tests/lab/provisioned/test_engine_faults.py"
    written = re.findall(r"^def (test_\w+)\(", (ROOT / path).read_text(), re.MULTILINE)

    assert sorted(written) == sorted(name for where, name in NAMED if where == path)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests/contract/ovh").glob("test_fault_cases*.py")), ids=lambda path: path.stem
)
def test_the_api_s_tests_are_all_named(path: Path) -> None:
    """Each test of a fault of OVH's API stands at its case, whose number its name begins with."""
    for name in re.findall(r"^def (test_\d\w+)\(", path.read_text(), re.MULTILINE):
        (number, *_) = re.findall(r"\d+", name)
        assert any(row[0] == number and f"{path.name}::{name}`" in row[-1] for row in ROWS), name
