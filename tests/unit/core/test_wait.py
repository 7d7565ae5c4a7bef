"""Waiting ends: with what was waited for, or with a reason."""

from __future__ import annotations

import time
from itertools import islice, pairwise

import pytest

from koprogo_fleet.core.errors import WaitTimeout
from koprogo_fleet.core.events import Event, Waiting
from koprogo_fleet.core.wait import NotYet, pauses, wait_for


class Door:
    """Opens at the third look."""

    def __init__(self, opens_at: int = 3) -> None:
        self.looks = 0
        self._opens_at = opens_at

    def look(self) -> str:
        """Say that it is open, or not yet."""
        self.looks += 1
        if self.looks < self._opens_at:
            raise NotYet(f"closed at look {self.looks}")
        return "open"


def test_it_returns_what_was_observed() -> None:
    """The first observation that does not say "not yet" is the answer, and every wait before it is told."""
    events: list[Event] = []
    door = Door()

    assert wait_for("the door", door.look, seconds=5, interval=0.01, listener=events.append) == "open"
    assert [(event.condition, event.observation) for event in events if isinstance(event, Waiting)] == [
        ("the door", "closed at look 1"),
        ("the door", "closed at look 2"),
    ]


def test_what_is_already_true_is_not_waited_for() -> None:
    """Without any need nothing sleeps and nothing is told."""
    events: list[Event] = []
    begin = time.monotonic()

    assert wait_for("the door", Door(1).look, seconds=5, interval=5, listener=events.append) == "open"
    assert time.monotonic() - begin < 5
    assert events == []


def test_the_deadline_ends_it_with_the_last_observation() -> None:
    """After the deadline the error says what was waited for, what was seen last, why, and what to do."""
    begin = time.monotonic()
    with pytest.raises(WaitTimeout) as caught:
        wait_for("the door", Door(10**6).look, seconds=0.2, interval=0.05, cause="it is locked", next_step="knock")
    error = caught.value

    assert 0.2 <= time.monotonic() - begin < 30
    assert (error.condition, error.cause, error.next_step) == ("the door", "it is locked", "knock")
    assert error.last_observation.startswith("closed at look")


def test_it_looks_once_more_at_the_deadline() -> None:
    """A deadline of 0 still looks once."""
    door = Door(10**6)
    with pytest.raises(WaitTimeout):
        wait_for("the door", door.look, seconds=0)

    assert door.looks == 1


def test_other_errors_end_the_wait_at_once() -> None:
    """Only "not yet" is waited out; a real failure is not hidden until the deadline."""

    def broken() -> None:
        raise LookupError("no such door")

    with pytest.raises(LookupError):
        wait_for("the door", broken, seconds=60)


def test_it_looks_less_and_less_often() -> None:
    """The pause grows by half each time, up to 5 s, so that a long wait is not a storm of calls."""
    assert list(islice(pauses(1.0), 6)) == [1.0, 1.5, 2.25, 3.375, 5.0, 5.0]


def test_it_pauses_between_looks() -> None:
    """No look comes before its pause is over."""
    lefts: list[float] = []

    def listen(event: Event) -> None:
        assert isinstance(event, Waiting)
        lefts.append(event.seconds_left)

    wait_for("the door", Door(4).look, seconds=10, interval=0.04, listener=listen)

    assert all(before - after >= pause for (before, after), pause in zip(pairwise(lefts), pauses(0.04), strict=False))
    assert len(lefts) == 3
