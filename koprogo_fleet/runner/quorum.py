"""Etcd's quorum, as an invariant: nothing that takes a member down begins unless a fresh look says that it survives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Protocol

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.events import Listener, ignore
from koprogo_fleet.core.quorum import EtcdHealth, survives
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.runner.connections import refuse_if_cancelled


class Guard(Protocol):
    """Lets one host at a time disturb etcd, or refuses."""

    def disruption(self, host: str, /) -> AbstractContextManager[None]:
        """Let the block take the etcd member on *host* down."""


class QuorumGivenUp:
    """
    Lets every host disturb etcd: for a restore and a repair, where the quorum is lost, or given up on purpose.

    Whoever makes one has a person's word for it, typed.
    """

    def disruption(self, _host: str) -> AbstractContextManager[None]:
        """Let the block take the etcd member on the host down, whatever becomes of the quorum."""
        return nullcontext()


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
            health = replace(seen, healthy=seen.healthy - (self._in_doubt - {host}))
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
