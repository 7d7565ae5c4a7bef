"""
What a load balancer does with traffic: each connection goes to the next member that answers.

TLS stays end to end. With the PROXY protocol the member learns who the client is: its header is as in HAProxy's
``doc/proxy-protocol.txt``, version 1 (a line) or 2 (binary).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

from koprogo_fleet.lab.standin.node.splice import connect, splice

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_PROXY_COMMAND, _TCP_OVER_IPV4 = 0x21, 0x11
_BACKLOG = 128

Address = tuple[str, int]


@dataclass(frozen=True)
class Forward:
    """
    One listener and where it leads.

    Attributes:
        listen: address and port on this machine; port 0 for any.
        members: those that do not answer are left out, for each connection anew.
        proxy_protocol: version 1 or 2 of the header that members get, None for none.
    """

    listen: Address
    members: tuple[Address, ...]
    proxy_protocol: int | None = None


class LoadBalancer:
    """
    Forwards connections from a thread of its own until :meth:`close`.

    Args:
        forwards: the listeners; they listen when this returns.
        connect_seconds: how long a member may take to answer.

    Raises:
        OSError: an address is not this machine's, or a port is taken.
    """

    def __init__(self, forwards: Sequence[Forward], connect_seconds: float = 3.0) -> None:
        self._connect_seconds = connect_seconds
        self._listeners: list[tuple[Forward, socket.socket]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        try:
            for forward in forwards:
                self._listeners.append((forward, _listen(forward.listen)))
        except OSError:
            self._release()
            raise
        self._thread = threading.Thread(target=self._serve, name="load-balancer", daemon=True)
        self._thread.start()

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it listens, in the order of the forwards."""
        return tuple(listener.getsockname() for _, listener in self._listeners)

    def close(self) -> None:
        """End all listeners and all connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        for forward, listener in self._listeners:
            self._keep(self._accept(forward, listener))
        self._loop.run_forever()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._release()

    def _release(self) -> None:
        for _, listener in self._listeners:
            listener.close()
        self._loop.close()

    def _keep(self, work: Coroutine[None, None, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, forward: Forward, listener: socket.socket) -> None:
        turn = 0
        while True:
            client, _ = await self._loop.sock_accept(listener)
            order = (*forward.members[turn:], *forward.members[:turn])
            turn = (turn + 1) % max(1, len(forward.members))
            self._keep(self._forward(forward, client, order))

    async def _forward(self, forward: Forward, client: socket.socket, members: Sequence[Address]) -> None:
        for member in members:
            with contextlib.suppress(OSError):  # refused, unreachable or silent: the next one
                upstream = await connect(member, self._connect_seconds)
                if forward.proxy_protocol is not None:
                    header = proxy_header(forward.proxy_protocol, client.getpeername(), client.getsockname())
                    await self._loop.sock_sendall(upstream, header)
                await splice(client, upstream)
                return
        client.close()


def proxy_header(version: int, source: Address, destination: Address) -> bytes:
    """Return the header of the PROXY protocol, *version* 1 or 2, for a connection over IPv4."""
    (source_ip, source_port), (destination_ip, destination_port) = source[:2], destination[:2]
    if version == 1:
        return f"PROXY TCP4 {source_ip} {destination_ip} {source_port} {destination_port}\r\n".encode()
    addresses = IPv4Address(source_ip).packed + IPv4Address(destination_ip).packed
    body = addresses + struct.pack("!HH", source_port, destination_port)
    return _SIGNATURE + struct.pack("!BBH", _PROXY_COMMAND, _TCP_OVER_IPV4, len(body)) + body


def _listen(address: Address) -> socket.socket:
    listener = socket.create_server(address, backlog=_BACKLOG)
    listener.setblocking(False)  # noqa: FBT003 - the signature of sockets
    return listener
