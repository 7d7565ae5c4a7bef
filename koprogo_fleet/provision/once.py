"""Creating an object once, whatever happens to the answer; and looking at a list once for many who wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from koprogo_fleet.core.errors import Interrupted, OvhUnavailable, WaitTimeout
from koprogo_fleet.core.events import Listener, Note
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.provision.surroundings import Limits

T = TypeVar("T")


def create_once(
    what: str, create: Callable[[], T], find: Callable[[], T | None], *, limits: Limits, listener: Listener
) -> T:
    """
    Call *create*; if its answer is lost, *find* the object by its name instead of creating it again.

    Args:
        what: the object, in words.
        create: makes the POST.
        find: looks at a list.
        limits: say how long to look: OVH may show a new object late.
        listener: told when the object is taken over.

    Raises:
        OvhUnavailable: no answer, and no object either.
    """
    try:
        return create()
    except OvhUnavailable as error:
        lost = error

    def look() -> T:
        if (found := find()) is None:
            raise NotYet("not in the list")
        return found

    try:
        found = wait_for(
            f"{what}: in OVH's list, as the answer was lost",
            look,
            seconds=limits.lost_answer,
            interval=limits.look_every,
            listener=listener,
        )
    except WaitTimeout:
        raise OvhUnavailable(
            f"{lost.seen}; {what} did not appear within {limits.lost_answer:.0f} s",
            method=lost.method,
            path=lost.path,
            status=lost.status,
            query_id=lost.query_id,
            cause=lost.cause,
            next_step="run the command again: it takes over what exists, and creates only what does not",
        ) from lost
    listener(Note(f"{what}: the answer was lost, but it exists; taken over"))
    return found


class Shared(Generic[T]):
    """
    A list that many threads look at and one call reads: the answer is shared for *max_age* seconds.

    Raises (from :meth:`look`):
        Interrupted: :meth:`stop` was called; this ends every wait.
    """

    def __init__(self, read: Callable[[], T], max_age: float) -> None:
        self._read = read
        self._max_age = max_age
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._value: T
        self._until = 0.0

    def look(self) -> T:
        """Return the list, at most *max_age* seconds old."""
        with self._lock:
            if self._stopped.is_set():
                raise Interrupted("stopped")
            if time.monotonic() >= self._until:
                self._value = self._read()
                self._until = time.monotonic() + self._max_age
            return self._value

    def stop(self) -> None:
        """Make every later look raise."""
        self._stopped.set()
