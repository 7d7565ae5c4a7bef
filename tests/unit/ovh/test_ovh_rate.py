"""The token bucket, with a clock of its own."""

from __future__ import annotations

from koprogo_fleet.ovh.rate import TokenBucket


class Clock:
    """Time that passes only in sleep."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.slept.append(seconds)
        self.now += seconds


def bucket(clock: Clock) -> TokenBucket:
    """Return a bucket of 2, filled by one each half second."""
    return TokenBucket(burst=2, per_second=2, clock=lambda: clock.now, sleep=clock.sleep)


def test_burst_then_pace() -> None:
    """The burst goes at once, the rest at the pace."""
    clock, told = Clock(), list[float]()
    limited = bucket(clock)

    for _ in range(5):
        limited.take(told.append)

    assert [0.5, 0.5, 0.5] == clock.slept
    assert clock.slept == told


def test_fills_up_to_the_burst() -> None:
    """A long rest gives the burst again, and no more."""
    clock = Clock()
    limited = bucket(clock)
    for _ in range(2):
        limited.take(lambda _: None)
    clock.now += 3600

    for _ in range(3):
        limited.take(lambda _: None)

    assert [0.5] == clock.slept
