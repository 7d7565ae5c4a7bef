"""Order, and doing things in parallel in that order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from koprogo_fleet.core.errors import KoprogoError, OvhError
from koprogo_fleet.provision.graph import After, ordered, run

Jobs = Mapping[str, After[str]]
CHAIN: Jobs = {"a": After(), "b": After(frozenset("a")), "c": After(frozenset("b")), "x": After()}


def recorded(jobs: Jobs, fail: str = "") -> tuple[list[str], Mapping[str, KoprogoError], tuple[str, ...]]:
    """Run *jobs*; return what was done, and what became of the failing ones."""
    done: list[str] = []

    def work(key: str) -> None:
        if key in fail:
            raise OvhError(f"{key} failed")
        done.append(key)

    failures = run(jobs, work, at_once=4, stop=lambda: None)
    return done, failures.errors, failures.held_back


def test_order_is_kept_where_nothing_forbids() -> None:
    """What needs nothing stays where it was; what needs others brings them along."""
    assert ("c", "a", "d", "b") == ordered({"a": ["c"], "b": ["d"], "c": [], "d": ["not there"]})


@given(st.dictionaries(st.integers(0, 30), st.lists(st.integers(0, 30), max_size=4), max_size=30))
def test_needs_come_first(drawn: dict[int, list[int]]) -> None:
    """In every graph without a circle, each key comes once, and after all that it needs."""
    needs = {key: [need for need in its if need < key] for key, its in drawn.items()}

    order = ordered(needs)

    assert sorted(needs) == sorted(order)
    assert all(order.index(need) < order.index(key) for key in needs for need in needs[key] if need in needs)


def test_a_circle_is_named() -> None:
    """Things that need each other are a mistake, and told by name."""
    with pytest.raises(ValueError, match="need each other: a, b, a"):
        ordered({"a": ["b"], "b": ["a"]})
    with pytest.raises(ValueError, match="wait for each other: a, b"):
        recorded({"a": After(frozenset("b")), "b": After(frozenset("a"))})


def test_a_failure_holds_back_its_dependants_alone() -> None:
    """What needs the failed job, even through another, is not begun and told; the others are done."""
    done, errors, held_back = recorded(CHAIN, fail="a")

    assert ["x"] == done
    assert ["a failed"] == [error.seen for error in errors.values()]
    assert ("b", "c") == held_back


def test_waiting_is_not_needing() -> None:
    """A job that only waits for another begins when that one has failed, and not before."""
    done, errors, held_back = recorded({"a": After(), "b": After(waits_for=frozenset("a"))}, fail="a")

    assert (["b"], ["a"], ()) == (done, list(errors), held_back)


def test_independent_jobs_run_side_by_side() -> None:
    """Two jobs that wait for each other's beginning both end."""
    meeting = threading.Barrier(2, timeout=5)

    def work(_key: str) -> None:
        meeting.wait()

    run({"a": After(), "b": After()}, work, at_once=2, stop=lambda: None)

    assert not meeting.broken


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_anything_else_stops_everything(error: type[BaseException]) -> None:
    """After Ctrl-C, or a bug, running work is told to stop and nothing else begins."""
    stopped, begun = threading.Event(), []

    def work(key: str) -> None:
        begun.append(key)
        if key == "a":
            raise error
        until(stopped.is_set)

    jobs = {"x": After[str](), "a": After[str](), "b": After(frozenset("x"))}
    with pytest.raises(error):
        run(jobs, work, at_once=2, stop=stopped.set)

    assert "b" not in begun


def until(true: Callable[[], bool]) -> None:
    """Wait up to five seconds."""
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
