"""The open connections of a host, so that a task that was cancelled can neither use them nor open new ones."""

from __future__ import annotations

import contextlib
import threading

from nornir.core.inventory import Host
from nornir.core.plugins.connections import ConnectionPlugin

from koprogo_fleet.core.errors import SessionLost


class CancellableThread(threading.Thread):
    """A thread whose work may be called off; it never keeps the program from ending."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.cancelled = threading.Event()


def refuse_if_cancelled(host: str) -> None:
    """
    Do nothing, unless the runner has called off what this thread does.

    Raises:
        SessionLost: it has.
    """
    thread = threading.current_thread()
    if isinstance(thread, CancellableThread) and thread.cancelled.is_set():
        raise SessionLost(host, "this task was cancelled, and nobody waits for it any more")


class Connections(dict[str, ConnectionPlugin]):
    """
    Nornir's table of a host's connections.

    A connection that a cancelled thread was just opening is closed instead of kept, and one that others opened since
    is not handed to it: it can do nothing more on the host.
    """

    def __init__(self, host: Host) -> None:
        super().__init__(host.connections)
        self._host = host.name
        self._lock = threading.Lock()

    @classmethod
    def of(cls, host: Host) -> Connections:
        """Return the connections of *host*; from now on they can be cancelled."""
        if not isinstance(host.connections, cls):
            host.connections = cls(host)
        return host.connections

    def __contains__(self, name: object) -> bool:
        refuse_if_cancelled(self._host)
        return super().__contains__(name)

    def __getitem__(self, name: str) -> ConnectionPlugin:
        refuse_if_cancelled(self._host)
        return super().__getitem__(name)

    def get(self, name: str, default: ConnectionPlugin | None = None) -> ConnectionPlugin | None:  # type: ignore[override]
        """Return an open connection, or *default*."""
        refuse_if_cancelled(self._host)
        return super().get(name, default)

    def __setitem__(self, name: str, connection: ConnectionPlugin) -> None:
        try:
            with self._lock:
                refuse_if_cancelled(self._host)
                super().__setitem__(name, connection)
        except SessionLost:
            connection.close()
            raise

    def abort(self) -> None:
        """Close all of them, from outside and without waiting: whoever reads from one is woken by an error."""
        with self._lock:
            taken = list(self.values())
            self.clear()
        threading.Thread(target=_close_all, args=(taken,), name=f"closing {self._host}", daemon=True).start()


def _close_all(connections: list[ConnectionPlugin]) -> None:
    for connection in connections:
        with contextlib.suppress(Exception):  # it is being torn down: whoever used it hears of it
            connection.close()
