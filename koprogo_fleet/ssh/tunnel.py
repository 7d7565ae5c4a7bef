"""A local port that leads to a port as seen from a node (``ssh -L``)."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

import paramiko

from koprogo_fleet.core.errors import KoprogoError

Renew = Callable[[], paramiko.Transport]
"""Gives another way to the same service, where the one in use does not lead there any more."""

_OPEN_SECONDS = 10.0
_JOIN_SECONDS = 5.0
_CHUNK = 32 * 1024


@contextmanager
def forward(transport: paramiko.Transport, host: str, port: int, renew: Renew | None = None) -> Generator[int]:
    """
    Listen on a free port of 127.0.0.1, and yield it; each connection becomes one to *host*:*port* made by the node.

    A connection that the node cannot make is made by what *renew* returns, and so are the next ones; where that cannot be
    had either, it is closed at once. On leaving, every connection is closed and every thread
    has ended.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        tunnel = _Tunnel(transport, listener, (host, port), renew)
        tunnel.start()
        try:
            yield listener.getsockname()[1]
        finally:
            tunnel.stop()


class _Tunnel:
    def __init__(
        self, transport: paramiko.Transport, listener: socket.socket, target: tuple[str, int], renew: Renew | None
    ) -> None:
        self._transport = transport
        self._renew = renew
        self._renewing = threading.Lock()
        self._listener = listener
        self._target = target
        self._links: set[_Link] = set()
        self._lock = threading.Lock()
        self._stopping = False
        self._acceptor = threading.Thread(target=self._accept, name=f"tunnel {target[0]}:{target[1]}", daemon=True)

    def start(self) -> None:
        self._acceptor.start()

    def stop(self) -> None:
        with self._lock:
            self._stopping = True
            links = list(self._links)
        # shutdown, because close alone does not wake a thread that waits in accept
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(_JOIN_SECONDS)
        for link in links:
            link.close()
        for link in links:
            link.thread.join(_JOIN_SECONDS)

    def _accept(self) -> None:
        while not self._stopping:
            try:
                client, address = self._listener.accept()
            except OSError:  # the listener was shut down
                return
            link = _Link(self, client, address)
            with self._lock:
                if self._stopping:
                    link.close()
                    return
                self._links.add(link)
            link.thread.start()

    def connect(self, origin: tuple[str, int]) -> paramiko.Channel:
        used = self._transport
        try:
            return self._channel(used, origin)
        except (paramiko.SSHException, EOFError, OSError):
            if self._renew is None:
                raise
        return self._channel(self._another_than(used, self._renew), origin)

    def _channel(self, transport: paramiko.Transport, origin: tuple[str, int]) -> paramiko.Channel:
        return transport.open_channel("direct-tcpip", self._target, origin, timeout=_OPEN_SECONDS)

    def _another_than(self, used: paramiko.Transport, renew: Renew) -> paramiko.Transport:
        """Return the transport that is used now, renewed unless another thread has just done that."""
        with self._renewing:
            if self._transport is used and not self._stopping:
                try:
                    self._transport = renew()
                except KoprogoError as error:
                    raise EOFError(str(error)) from error
            return self._transport

    def forget(self, link: _Link) -> None:
        with self._lock:
            self._links.discard(link)


class _Link:
    """One connection through the tunnel, with a thread for each direction."""

    def __init__(self, tunnel: _Tunnel, client: socket.socket, origin: tuple[str, int]) -> None:
        self._tunnel = tunnel
        self._client = client
        self._origin = origin
        self._channel: paramiko.Channel | None = None
        self._closed = False
        self.thread = threading.Thread(target=self._run, name=f"tunnel from {origin[1]}", daemon=True)

    def close(self) -> None:
        self._closed = True
        # shutdown, because close alone does not wake a thread that waits in recv
        with contextlib.suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)
        self._client.close()
        if self._channel is not None:
            self._channel.close()

    def _run(self) -> None:
        try:
            self._channel = channel = self._tunnel.connect(self._origin)
            if self._closed:  # while the node was connecting
                return
            upwards = threading.Thread(target=self._send_up, args=(channel,), daemon=True)
            upwards.start()
            self._send_down(channel)
            upwards.join()
        except (paramiko.SSHException, EOFError, OSError):
            pass  # the node cannot connect: the client sees its connection end, as it would without a tunnel
        finally:
            self.close()
            self._tunnel.forget(self)

    def _send_up(self, channel: paramiko.Channel) -> None:
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            while data := self._client.recv(_CHUNK):
                channel.sendall(data)
            channel.shutdown_write()

    def _send_down(self, channel: paramiko.Channel) -> None:
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            while data := channel.recv(_CHUNK):
                self._client.sendall(data)
            self._client.shutdown(socket.SHUT_WR)
