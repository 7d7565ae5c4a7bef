"""
What a load balancer does with traffic: each connection goes to the next member that is well and answers.

TLS stays end to end. With the PROXY protocol the member learns who the client is: its header is as in HAProxy's
``doc/proxy-protocol.txt``, version 1 (a line) or 2 (binary).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from weakref import WeakSet

from koprogo_fleet.lab.health_checks import Address, Check, watch
from koprogo_fleet.lab.standin.node.splice import Half, connect, splice

_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_PROXY_COMMAND, _TCP_OVER_IPV4 = 0x21, 0x11
_BACKLOG = 128

_Watched = tuple[Address, Check]


@dataclass(frozen=True)
class Forward:
    """
    One listener and where it leads.

    Attributes:
        listen: address and port on this machine; port 0 for any.
        members: those that do not answer are left out, for each connection anew.
        proxy_protocol: version 1 or 2 of the header that members get, None for none.
        check: how members are watched; those that are not well get no connection at all.
        allowed: the sources that are let in, none for all.
    """

    listen: Address
    members: tuple[Address, ...]
    proxy_protocol: int | None = None
    check: Check | None = None
    allowed: tuple[IPv4Network, ...] = ()


def _stay() -> None:
    return


def _tell_nobody(_member: Address, _is_up: bool) -> None:  # noqa: FBT001 - the signature of who is told
    return


class LoadBalancer:
    """
    Forwards connections from a thread of its own until :meth:`close`.

    Args:
        forwards: the listeners; they listen when this returns.
        connect_seconds: how long a member may take to answer.
        enter: what the thread does first: it may go into another network namespace.
        tell: is told, in that thread, of a watched member whether it is well, when this becomes known or changes.

    Raises:
        OSError: an address is not this machine's, or a port is taken.
    """

    def __init__(
        self,
        forwards: Sequence[Forward] = (),
        connect_seconds: float = 3.0,
        *,
        enter: Callable[[], None] = _stay,
        tell: Callable[[Address, bool], None] = _tell_nobody,
    ) -> None:
        self._connect_seconds = connect_seconds
        self._enter, self._tell = enter, tell
        self._forwards: dict[Address, Forward] = {}
        self._listeners: dict[Address, socket.socket] = {}
        self._turns: Counter[Address] = Counter()
        self._watches: dict[_Watched, asyncio.Task[None]] = {}
        self._down: set[_Watched] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: WeakSet[Half] = WeakSet()
        self._loop = asyncio.new_event_loop()
        self._started: Future[None] = Future()
        self._thread = threading.Thread(target=self._serve, name="load-balancer", daemon=True)
        self._thread.start()
        try:
            self._started.result()
        except OSError:
            self._thread.join()
            raise
        try:
            self.apply(forwards)
        except OSError:
            self.close()
            raise

    @property
    def addresses(self) -> tuple[Address, ...]:
        """Where it listens, in the order of the forwards."""
        return tuple(self._listeners[listen].getsockname() for listen in self._forwards)

    def apply(self, forwards: Sequence[Forward]) -> None:
        """
        Have exactly these listeners from now on, one for each address; connections that are open stay.

        Raises:
            OSError: an address is not this machine's, or a port is taken; those that are free listen.
        """
        asyncio.run_coroutine_threadsafe(self._apply(forwards), self._loop).result()

    def close(self) -> None:
        """End all listeners and all connections."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        try:
            self._enter()
        except OSError as error:
            self._loop.close()
            self._started.set_exception(error)
            return
        asyncio.set_event_loop(self._loop)
        self._loop.call_soon(self._started.set_result, None)
        self._loop.run_forever()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
        self._loop.run_until_complete(self._let_go())
        for listener in self._listeners.values():
            listener.close()
        self._loop.close()

    async def _let_go(self) -> None:
        for half in self._open:
            if half.transport:
                half.transport.abort()
        await asyncio.sleep(0)  # a transport closes its socket in the loop's next turn

    async def _apply(self, forwards: Sequence[Forward]) -> None:
        wanted = {forward.listen: forward for forward in forwards}
        for listen in self._listeners.keys() - wanted.keys():
            listener = self._listeners.pop(listen)
            self._loop.remove_reader(listener)
            listener.close()
            self._turns.pop(listen, None)
        self._forwards = {listen: forward for listen, forward in wanted.items() if listen in self._listeners}
        self._watch({(member, one.check) for one in forwards if one.check is not None for member in one.members})
        refused: list[OSError] = []
        for listen, forward in wanted.items():
            if listen not in self._listeners:
                try:
                    listener = _listen(listen)
                except OSError as error:
                    refused.append(error)
                    continue
                self._listeners[listen] = listener
                self._loop.add_reader(listener, self._accept, listen, listener)
            self._forwards[listen] = forward
        if refused:
            raise refused[0]

    def _watch(self, wanted: set[_Watched]) -> None:
        for watched in self._watches.keys() - wanted:
            self._watches.pop(watched).cancel()
            self._down.discard(watched)
        for member, check in wanted - self._watches.keys():

            def tell(is_up: bool, watched: _Watched = (member, check)) -> None:  # noqa: FBT001 - who is told
                (self._down.discard if is_up else self._down.add)(watched)
                self._tell(watched[0], is_up)

            self._watches[member, check] = self._keep(watch(member, check, tell))

    def _keep(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _accept(self, listen: Address, listener: socket.socket) -> None:
        try:
            client, source = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):  # gone again
            return
        client.setblocking(False)  # noqa: FBT003 - the signature of sockets
        forward = self._forwards[listen]
        well = [one for one in forward.members if forward.check is None or (one, forward.check) not in self._down]
        self._turns[listen] += 1
        turn = self._turns[listen] % max(1, len(well))
        if forward.allowed and not any(IPv4Address(source[0]) in network for network in forward.allowed):
            well = []
        work = self._keep(self._forward(forward, client, (*well[turn - 1 :], *well[: turn - 1])))
        work.add_done_callback(lambda work: client.close() if work.cancelled() else None)  # it may not even have begun

    async def _forward(self, forward: Forward, client: socket.socket, members: Sequence[Address]) -> None:
        for member in members:
            with contextlib.suppress(OSError):  # refused, unreachable or silent: the next one
                upstream = await connect(member, self._connect_seconds)
                try:
                    if forward.proxy_protocol is not None:
                        header = proxy_header(forward.proxy_protocol, client.getpeername(), client.getsockname())
                        await self._loop.sock_sendall(upstream, header)
                except BaseException:
                    upstream.close()
                    raise
                self._open.update(await splice(client, upstream))
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
