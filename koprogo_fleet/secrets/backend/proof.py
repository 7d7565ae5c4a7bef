"""Proving: a new credential may take a moment until the server knows it."""

from __future__ import annotations

from collections.abc import Callable

from koprogo_fleet.core.errors import BackendError, BackendUnavailable, ProofFailed, WaitTimeout
from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.wait import NotYet, wait_for

SECONDS = 30


def proven(condition: str, look: Callable[[], None], seconds: float, listener: Listener) -> None:
    """
    Return as soon as *look* raises nothing.

    Args:
        condition: what is to be shown, in words.
        look: asks the server once; a :class:`~koprogo_fleet.core.errors.BackendError` is a no.
        seconds: the deadline.
        listener: told while it waits.

    Raises:
        ProofFailed: the server said no until the deadline.
        BackendUnavailable: it said nothing at the end: nothing is proven, and nothing is refuted.
    """
    last: list[BackendError] = []

    def observe() -> None:
        try:
            look()
        except BackendError as error:
            last[:] = [error]
            raise NotYet(error.seen) from None

    try:
        wait_for(condition, observe, seconds=seconds, interval=0.5, listener=listener)
    except WaitTimeout as timeout:
        error = last[0]
        if isinstance(error, BackendUnavailable):
            raise error from None
        raise ProofFailed(
            f"not proven within {timeout.seconds:.0f} s: {condition}; last seen: {error.seen}",
            cause=error.cause,
            next_step=error.next_step,
        ) from None
