"""Waiting, with a deadline, a name and the last observation. The only place that sleeps in a loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from koprogo_fleet.core.errors import WaitTimeout
from koprogo_fleet.core.events import Listener, Waiting, ignore


class NotYet(Exception):
    """Raised by an observation that is not the wanted one; its text is what was seen."""


T = TypeVar("T")


def wait_for(
    condition: str,
    observe: Callable[[], T],
    *,
    seconds: float,
    interval: float = 1.0,
    listener: Listener = ignore,
    cause: str | None = None,
    next_step: str | None = None,
) -> T:
    """
    Call *observe* until it returns instead of raising :class:`NotYet`, and return what it returned.

    Args:
        condition: what is waited for, in words: it is shown while waiting and in the error.
        observe: looks once; must not block for long.
        seconds: the deadline, counted from now.
        interval: seconds between two looks; grows by half each time, up to 5 s.
        listener: told, before each pause, what was seen and how long we go on.
        cause: why it may not come true, for the error.
        next_step: what a person can do then, for the error.

    Raises:
        WaitTimeout: the deadline passed; names the condition and the last observation.
    """
    deadline = time.monotonic() + seconds
    ever_longer = pauses(interval)
    while True:
        try:
            return observe()
        except NotYet as not_yet:
            observation = str(not_yet)
        left = deadline - time.monotonic()
        if left <= 0:
            raise WaitTimeout(
                condition, seconds=seconds, last_observation=observation, cause=cause, next_step=next_step
            )
        listener(Waiting(condition, observation, left))
        time.sleep(min(next(ever_longer), left))


def pauses(first: float) -> Iterator[float]:
    """Yield the seconds between two looks, without end: each half as long again, up to 5 s."""
    pause = first
    while True:
        yield pause
        pause = min(pause * 1.5, 5.0)
