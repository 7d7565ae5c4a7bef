"""A token bucket: calls go at once until the bucket is empty, then at its pace."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple


class Pace(NamedTuple):
    """So many calls at once, and so many a second after them."""

    burst: int
    per_second: float


FAIR = Pace(60, 1.0)
"""OVH publishes no limit; its maintainers call 60 calls a minute per consumer key fair use (python-ovh, issue 81)."""


class TokenBucket:
    """Holds back callers so that no more than *burst* calls, plus *per_second* a second, go out. Safe between threads."""

    def __init__(
        self,
        burst: int = FAIR.burst,
        per_second: float = FAIR.per_second,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._burst = float(burst)
        self._per_second = per_second
        self._clock = clock
        self._sleep = sleep
        self._tokens = float(burst)
        self._filled = clock()
        self._lock = threading.Lock()

    def take(self, before_sleep: Callable[[float], None]) -> None:
        """Take one token; if there is none, call *before_sleep* with the seconds to wait, and wait."""
        with self._lock:
            now = self._clock()
            self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._per_second)
            self._filled = now
            self._tokens -= 1  # below zero: the queue of those who wait, each one its own delay
            delay = max(0.0, -self._tokens / self._per_second)
        if delay > 0:
            before_sleep(delay)
            self._sleep(delay)
