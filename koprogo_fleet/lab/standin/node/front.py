"""
Port 6443 of a server: the supervisor and the API server behind one port, as in K3s.

A client that wants the supervisor says so in its TLS greeting (ALPN ``k3s-supervisor``), or calls the server "localhost";
every other TLS connection is joined to the API server untouched, so that client certificates work end to end. (K3s itself
ends all TLS, and tells requests by their path: there both are to be had by any name.) Plain HTTP is for the lab's sealing
controller: the API servers' service proxy reaches it through the one port that is open between servers.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable
from enum import Enum

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.lab.standin.node.layout import API_PORT, LOCAL_API_ADDRESS, SEALING_ADDRESS, SEALING_PORT
from koprogo_fleet.lab.standin.node.log import log
from koprogo_fleet.lab.standin.node.splice import connect, splice

SUPERVISOR_PROTOCOL = "k3s-supervisor"
LOCAL_NAME = "localhost"
_MARKS = (
    bytes([len(SUPERVISOR_PROTOCOL)]) + SUPERVISOR_PROTOCOL.encode(),
    b"\x00" + len(LOCAL_NAME).to_bytes(2, "big") + LOCAL_NAME.encode(),  # the server's name, in RFC 6066's words
)

TLS_HANDSHAKE = 22
RECORD_HEADER = 5
EVERYWHERE = "0.0.0.0"  # noqa: S104 - K3s' default bind-address
LARGEST_GREETING = 16 * 1024
GREETING_SECONDS = 10
CONNECT_SECONDS = 5


class Destination(Enum):
    """Who a connection is for."""

    SUPERVISOR = "supervisor"
    API_SERVER = "API server"
    SEALING = "sealing controller"


def destination(greeting: bytes) -> Destination | None:
    """Say who a connection that begins with *greeting* is for; None while too little of it has arrived."""
    if len(greeting) < RECORD_HEADER:
        return None
    if greeting[0] != TLS_HANDSHAKE:
        return Destination.SEALING
    whole = RECORD_HEADER + int.from_bytes(greeting[3:5], "big")
    if len(greeting) < min(whole, LARGEST_GREETING):
        return None
    wanted = any(mark in greeting[:whole] for mark in _MARKS)
    return Destination.SUPERVISOR if wanted else Destination.API_SERVER


_UPSTREAM = {
    Destination.API_SERVER: (LOCAL_API_ADDRESS, API_PORT),
    Destination.SEALING: (SEALING_ADDRESS, SEALING_PORT),
}


def listen(address: str, port: int, *, shared: bool = False) -> socket.socket:
    """
    Open a port.

    Args:
        address: where to listen; "0.0.0.0" is everywhere.
        port: the port.
        shared: the API server will have the same port on its own address (``--permit-port-sharing``).

    Raises:
        KubernetesError: somebody else has the port, in K3s' words; nobody may share it at this moment.
    """
    listener = _bound(address, port, shared=False)
    if shared:
        listener.close()
        listener = _bound(address, port, shared=True)
    listener.setblocking(False)  # noqa: FBT003 - the signature of sockets
    return listener


def _bound(address: str, port: int, *, shared: bool) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        listener.bind((address, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        place = f"{'' if address == EVERYWHERE else address}:{port}"
        reason = os.strerror(error.errno or 0).lower()
        raise KubernetesError(f"listen tcp {place}: bind: {reason}") from error
    return listener


class Front:
    """Accepts on *listener* and hands connections to *supervise* (in a thread each) or to the API server."""

    def __init__(self, listener: socket.socket, supervise: Callable[[socket.socket], None]) -> None:
        self._listener = listener
        self._supervise = supervise
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Serve from a thread of its own, until the process ends."""
        threading.Thread(target=lambda: asyncio.run(self._serve()), name="front", daemon=True).start()

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self._listener)
            task = loop.create_task(self._route(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _route(self, connection: socket.socket) -> None:
        if connection.getsockname()[0] == LOCAL_API_ADDRESS:  # meant for the API server, which is not up: not for us
            connection.close()
            return
        try:
            wanted = await asyncio.wait_for(_peek(connection), GREETING_SECONDS)
            if wanted is Destination.SUPERVISOR:
                connection.setblocking(True)  # noqa: FBT003 - the signature of sockets
                threading.Thread(target=self._supervise, args=(connection,), name="supervise", daemon=True).start()
                return
            upstream = await connect(_UPSTREAM[wanted], CONNECT_SECONDS)
            await splice(connection, upstream)
        except OSError as error:  # the API server is not up, or the client gave up
            log.debug("connection on port %d closed: %s", API_PORT, error)
            connection.close()


async def _peek(connection: socket.socket) -> Destination:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(connection, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(connection)
    while True:
        try:
            greeting = connection.recv(LARGEST_GREETING, socket.MSG_PEEK)
        except BlockingIOError:
            greeting = b""
        else:
            if not greeting:
                raise ConnectionResetError("closed before its first byte")
        answer = destination(greeting)
        if answer is not None:
            return answer
        await asyncio.sleep(0.01)  # the rest of the greeting is on its way
