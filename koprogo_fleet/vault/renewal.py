"""A thread that renews a login before its time is over, also while nobody asks Vault for anything."""

from __future__ import annotations

import threading
from collections.abc import Callable

LONGEST = 3600.0
"""Seconds; a token for a month is renewed more often, because a machine may sleep."""


def pause_before_renewal(seconds: float) -> float:
    """Return after how long a token that lives for *seconds* is renewed: so that there is time for a second try."""
    return min(seconds * 0.6, LONGEST)


class Renewal:
    """
    Calls *renew* after *pause* seconds, and then after as many as it returns; None ends it.

    It is not for the time of a fork: a child has no such thread, and logs in anew when its token is refused.
    """

    def __init__(self, renew: Callable[[], float | None], pause: float) -> None:
        self._renew, self._pause = renew, pause
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vault-renewal", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def abandon(self) -> None:
        """Let it end by itself."""
        self._ended.set()

    def stop(self) -> None:
        """End it, and wait until a call that is under way has its answer."""
        self._ended.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        pause: float | None = self._pause
        while pause is not None and not self._ended.wait(pause):
            pause = self._renew()
