"""Joining two TCP connections byte by byte, in one event loop: cheap, and TLS stays end to end."""

from __future__ import annotations

import asyncio
import socket

KEEPALIVE = (
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 3),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 15_000),
)
"""A peer that lost its power is noticed after 14 seconds, not after TCP's quarter of an hour."""


def watch_peer(connection: socket.socket) -> None:
    """Make the kernel notice that the other end is gone."""
    for level, option, value in KEEPALIVE:
        connection.setsockopt(level, option, value)


class Half(asyncio.Protocol):
    """
    One of two joined connections: what it receives, its *partner* sends.

    The first of the two may receive, end and even be lost before the other has a transport; that is made up for then.
    """

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.partner: Half | None = None
        self.ended = False
        self.lost = False
        self.early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport, and send what the partner has received before."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio gives streams nothing else
        self.transport = transport
        if self.partner and self.partner.early:
            transport.write(self.partner.early)
        if self.partner and self.partner.ended:
            transport.write_eof()
        if self.partner and self.partner.lost:
            transport.close()

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        if self.partner and self.partner.transport:
            self.partner.transport.write(data)
        else:
            self.early += data

    def eof_received(self) -> bool:
        """Pass the end on, and stay open while the other direction goes on; both close with the second end."""
        self.ended = True
        if self.partner and self.partner.transport:
            self.partner.transport.write_eof()
        return self.partner is not None and not self.partner.ended

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Close the partner too."""
        self.lost = True
        if self.partner and self.partner.transport:
            self.partner.transport.close()

    def pause_writing(self) -> None:
        """Stop reading there while this side is slow."""
        if self.partner and self.partner.transport:
            self.partner.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on reading."""
        if self.partner and self.partner.transport:
            self.partner.transport.resume_reading()


async def splice(client: socket.socket, upstream: socket.socket) -> tuple[Half, Half]:
    """Join two connected sockets; returns both ends at once, the event loop does the rest."""
    loop = asyncio.get_running_loop()
    near, far = Half(), Half()
    near.partner, far.partner = far, near
    for connection in (client, upstream):
        connection.setblocking(False)  # noqa: FBT003 - the signature of sockets
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        watch_peer(connection)
    try:
        await loop.connect_accepted_socket(lambda: far, upstream)
        await loop.connect_accepted_socket(lambda: near, client)
    except asyncio.CancelledError:
        for half in (near, far):
            if half.transport:
                half.transport.abort()
        raise
    return near, far


async def connect(address: tuple[str, int], seconds: float) -> socket.socket:
    """
    Return a connected socket.

    Raises:
        OSError: refused, unreachable, or no answer in time (TimeoutError).
    """
    connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    connection.setblocking(False)  # noqa: FBT003 - the signature of sockets
    try:
        await asyncio.wait_for(asyncio.get_running_loop().sock_connect(connection, address), seconds)
    except BaseException:
        connection.close()
        raise
    return connection
