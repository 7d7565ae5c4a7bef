"""Etcd's quorum, as an invariant: nothing that takes a member down begins unless a fresh look says that it survives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.events import Listener, ignore
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.runner.connections import refuse_if_cancelled


@dataclass(frozen=True)
class EtcdHealth:
    """
    The cluster as it is now, by the hosts' inventory names.

    Attributes:
        members: all voting members that etcd knows, whatever their state; empty only where no cluster exists yet.
        healthy: those that were asked and answered as healthy voters. A learner, or one that nobody could ask, is not.
    """

    members: frozenset[str]
    healthy: frozenset[str]

    def __str__(self) -> str:
        down = ", ".join(sorted(self.members - self.healthy))
        return f"{len(self.members & self.healthy)} of {len(self.members)} members are healthy" + (
            f", not: {down}" if down else ""
        )


def survives(health: EtcdHealth, host: str) -> bool:
    """
    Return whether etcd keeps (or does not have) its quorum when the member on *host* goes down.

    A host that is no member, or whose member is down, costs nothing: mending it must be possible. A cluster of one
    member stands still while that one is down, whatever one does; as there is no other way, it may be taken down.
    """
    healthy = health.members & health.healthy
    if host not in healthy or len(health.members) == 1:
        return True
    return len(healthy) - 1 >= len(health.members) // 2 + 1


class QuorumGuard:
    """
    Lets one host at a time disturb etcd, and only with proof that the quorum survives it.

    A host whose disturbance ended in an error counts as down until one of it ends well: what was begun there may still
    be going on, and look healthy for a moment.

    Args:
        observe: looks at the cluster now, with a deadline of its own; a :exc:`KoprogoError` means that nothing could
            be seen, which proves nothing. It must not answer "no members" unless no cluster was ever made.
        seconds: how long to wait for such proof, each time: a member that was restarted needs a while.
        turn_seconds: how long to wait for the hosts that came before.
        interval: seconds between two looks, at first.
        listener: told what is waited for.
    """

    def __init__(
        self,
        observe: Callable[[], EtcdHealth],
        seconds: float,
        *,
        turn_seconds: float = 3600.0,
        interval: float = 1.0,
        listener: Listener = ignore,
    ) -> None:
        self._observe = observe
        self._seconds = seconds
        self._turn_seconds = turn_seconds
        self._interval = interval
        self._listener = listener
        self._turn = threading.Lock()
        self._at_work = ""
        self._in_doubt: set[str] = set()

    @contextmanager
    def disruption(self, host: str) -> Generator[None]:
        """
        Let the block take the etcd member on *host* down.

        The block must last until the member is down or has come back: a reboot that only begins after it is not seen.

        Raises:
            KoprogoError: the other hosts did not end their turns in time.
            WaitTimeout: no look within the time gave proof that the quorum survives it; says what was seen last.
        """
        if not self._turn.acquire(timeout=self._turn_seconds):
            raise KoprogoError(
                f"{host}: waited {self._turn_seconds:.0f} s for its turn to disturb etcd; {self._at_work} is at it",
                cause=f"what runs on {self._at_work} does not end",
                next_step=f"look at {self._at_work}, then run the same again",
            )
        try:
            self._at_work = host
            self._prove(host)
            self._in_doubt.add(host)
            yield
            self._in_doubt.discard(host)
        finally:
            self._turn.release()

    def _prove(self, host: str) -> None:
        def look() -> None:
            refuse_if_cancelled(host)
            try:
                seen = self._observe()
            except KoprogoError as error:
                raise NotYet(f"etcd cannot be looked at: {error}") from error
            health = EtcdHealth(seen.members, seen.healthy - (self._in_doubt - {host}))
            if not survives(health, host):
                doubtful = ", ".join(sorted(self._in_doubt - {host}))
                raise NotYet(f"{health}" + (f" (in doubt after an error: {doubtful})" if doubtful else ""))

        wait_for(
            f"etcd keeps its quorum without {host}",
            look,
            seconds=self._seconds,
            interval=self._interval,
            listener=self._listener,
            cause="another member is down, is just coming back, or cannot be asked; nothing was done to this one",
            next_step="mend that member first, then run the same again: `koprogo-fleet k3s status`",
        )
