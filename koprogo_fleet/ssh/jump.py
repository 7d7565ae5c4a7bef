"""Jump hosts: one connection to each, shared by every node behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

from koprogo_fleet.ssh.login import Login
from koprogo_fleet.ssh.transport import FleetTransport

_PROBE_SECONDS = 5.0


class JumpPool:
    """
    The open connections to jump hosts, for all threads of the process.

    Args:
        connect: makes a connection; raises what :func:`~koprogo_fleet.ssh.connection.connect` raises.
    """

    def __init__(self, connect: Callable[[Login], FleetTransport]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._open: dict[object, _Shared] = {}

    def borrow(self, login: Login) -> tuple[FleetTransport, Callable[[], None]]:
        """
        Return a live connection to a jump host, and what to call when it is not needed any more.

        The first of several threads connects, and the others wait for it; when it fails, all of them have failed. A
        connection that does not answer is never lent: its users lose it, and the next one connects anew.
        """
        key = (login.host, login.address, login.port, login.user, str(login.known_hosts), str(login.private_key))
        while True:
            with self._lock:
                shared = self._open.get(key)
                mine = shared is None
                if shared is None:
                    shared = self._open[key] = _Shared()
                shared.users += 1
            if mine:
                self._fill(shared, login)
            try:
                transport = shared.connection.result()
            except BaseException:
                self._forget(key, shared)
                raise
            if mine or transport.answers(_PROBE_SECONDS):
                return transport, partial(self._give_back, key, shared)
            self._forget(key, shared)
            self._give_back(key, shared)

    def _fill(self, shared: _Shared, login: Login) -> None:
        try:
            shared.connection.set_result(self._connect(login))
        except BaseException as error:  # noqa: BLE001 - the others wait for it; all of them raise it
            shared.connection.set_exception(error)

    def _forget(self, key: object, shared: _Shared) -> None:
        with self._lock:
            if self._open.get(key) is shared:
                del self._open[key]

    def _give_back(self, key: object, shared: _Shared) -> None:
        with self._lock:
            shared.users -= 1
            last = shared.users == 0
            if last and self._open.get(key) is shared:
                del self._open[key]
        if last:
            shared.connection.result().close()


class _Shared:
    """One connection, made or being made, and how many use it."""

    def __init__(self) -> None:
        self.connection: Future[FleetTransport] = Future()
        self.users = 0
