"""A model of an etcd cluster in time: members go down, and come back later or never. It counts what was down at once."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable

from koprogo_fleet.core.quorum import EtcdHealth


class SimulatedEtcd:
    """The members named, of which those in *down* are down from the beginning and for ever."""

    def __init__(self, members: Iterable[str], down: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._up_at = {member: math.inf if member in set(down) else 0.0 for member in members}
        self.most_down = 0
        """How many members were down at once, after one was taken down."""

    def take_down(self, member: str, seconds: float) -> None:
        """Let *member* be down for so long from now, ``inf`` for ever."""
        with self._lock:
            now = time.monotonic()
            self._up_at[member] = max(self._up_at[member], now + seconds)
            self.most_down = max(self.most_down, sum(up_at > now for up_at in self._up_at.values()))

    def health(self) -> EtcdHealth:
        """Tell which members are up now."""
        with self._lock:
            now = time.monotonic()
            up = frozenset(name for name, up_at in self._up_at.items() if up_at <= now)
            return EtcdHealth(frozenset(self._up_at), up, frozenset(self._up_at) - up)
