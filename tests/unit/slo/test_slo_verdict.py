"""Objectives: what may be written, what Prometheus answers, and what follows from it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from koprogo_fleet.core.errors import FileProblems, InputError, PrometheusError
from koprogo_fleet.slo.model import Objective, load_objectives
from koprogo_fleet.slo.prometheus import asking, samples_of
from koprogo_fleet.slo.verdict import Sample, Verdict, judge

SEED = Path(__file__).parents[3] / "inventory" / "lab" / "slo.yaml"


@pytest.mark.parametrize(
    ("bound", "values", "verdict", "worst"),
    [
        ("below", [4, 1], Verdict.PASS, 4),
        ("below", [1, 5], Verdict.FAIL, 5),
        ("at_most", [5], Verdict.PASS, 5),
        ("at_least", [5, 7], Verdict.PASS, 5),
        ("at_least", [7, 4], Verdict.FAIL, 4),
        ("above", [5], Verdict.FAIL, 5),
        ("above", [6], Verdict.PASS, 6),
        ("below", [math.inf], Verdict.FAIL, math.inf),
        ("below", [math.nan, 1], Verdict.PASS, 1),
        ("below", [math.nan], Verdict.NO_DATA, None),
        ("at_least", [], Verdict.NO_DATA, None),
    ],
)
def test_the_worst_value_decides(bound: str, values: list[float], verdict: Verdict, worst: float | None) -> None:
    """Each bound with values on both sides of it, on it, and with none; what is no number is no data."""
    objective = Objective.model_validate({"name": "o", "query": "up", bound: 5})
    judged = judge(objective, [Sample(value, {}) for value in values])

    assert (verdict, worst) == (judged.verdict, judged.worst.value if judged.worst else None)


def test_the_seeds_objectives_are_all_there() -> None:
    """The infrastructure document's five promises, with its numbers."""
    found = {item.name: item.bound for item in load_objectives(SEED).objectives}

    assert {
        "p99-latency": ("below", 0.005),
        "throughput": ("above", 100_000),
        "memory": ("below", 128e6),
        "co2": ("below", 0.5),
        "availability": ("at_least", 0.999),
    } == found


@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        ("objectives:\n  - {name: a, query: up}\n", ['objective "a" has to have one of below, at_most']),
        ("objectives:\n  - {name: a, query: up, below: 1, above: 2}\n", ["has to have one of"]),
        ("objectives:\n  - {name: a, query: up, below: .inf}\n", ["expected a number"]),
        ("objectives:\n  - {name: a, query: up, bellow: 1}\n", ['unknown field "bellow"', 'did you mean "below"']),
        (
            "objectives:\n  - {name: a, query: up, below: 1}\n  - {name: a, query: up, below: 1}\n",
            [":3: two objectives have the name"],
        ),
        ("objectives: []\n", ["objectives"]),
    ],
)
def test_mistakes_are_told_with_their_lines(text: str, complaints: list[str], tmp_path: Path) -> None:
    """No bound, two, one that is none, two objectives of one name, and a misspelt field."""
    (tmp_path / "slo.yaml").write_text(text)

    with pytest.raises(FileProblems) as error:
        load_objectives(tmp_path / "slo.yaml")

    assert [] == [complaint for complaint in complaints if complaint not in str(error.value)]


@pytest.mark.parametrize(
    ("status", "text", "seen"),
    [
        (200, "<html>login</html>", "no answer of Prometheus"),
        (200, '{"kind": "Status"}', "no answer of Prometheus"),
        (503, '{"status": "error", "errorType": "timeout", "error": "too slow"}', "timeout: too slow"),
        (200, json.dumps({"status": "success", "data": {"resultType": "matrix", "result": []}}), "gives a matrix"),
        (200, json.dumps({"status": "success", "data": {"resultType": "vector"}}), "no answer of Prometheus"),
    ],
)
def test_what_is_no_answer_is_explained(status: int, text: str, seen: str) -> None:
    """Another program, an overloaded one and a query without a value now: each has a cause and a next step."""
    with pytest.raises(PrometheusError, match=seen) as error:
        samples_of(status, text)

    assert error.value.cause
    assert error.value.next_step


@pytest.mark.parametrize(
    ("address", "seen"),
    [
        ("localhost:9090", "no address"),
        ("ftp://localhost", "no address"),
        ("http://user:hunter2@localhost", "holds a user or a password"),
    ],
)
def test_an_address_that_cannot_be_asked_is_refused(address: str, seen: str) -> None:
    """What is no address is named; a password in one is not repeated."""
    with pytest.raises(InputError, match=seen) as error:
        asking(address)

    assert "hunter2" not in str(error.value)
