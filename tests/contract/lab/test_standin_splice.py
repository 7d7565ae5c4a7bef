"""Two joined connections are one, byte by byte and in both directions."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

from koprogo_fleet.lab.standin.node.splice import connect, splice

LARGE = 2 * 1024 * 1024


def _listener() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)  # noqa: FBT003 - the signature of sockets
    return listener


def _open_sockets() -> int:
    """Return how many sockets this process has."""
    files = [Path(file.path) for file in os.scandir("/proc/self/fd")]
    return sum(str(file.readlink()).startswith("socket:") for file in files if file.is_symlink())


async def _through_a_splice(payload: bytes) -> bytes:
    """Send *payload* through a splice to a server that echoes all it gets, and return what comes back."""
    loop = asyncio.get_running_loop()

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    with _listener() as front:
        reader, writer = await asyncio.open_connection(*front.getsockname())
        accepted, _ = await loop.sock_accept(front)
        await splice(accepted, await connect(server.sockets[0].getsockname(), seconds=5))
        writer.write(payload)
        writer.write_eof()
        received = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()
    return received


def test_everything_passes_unchanged() -> None:
    """More than any buffer holds comes back whole, and the end of one direction does not end the other."""
    payload = os.urandom(LARGE)

    assert asyncio.run(_through_a_splice(payload)) == payload


def test_a_finished_connection_leaves_nothing_open() -> None:
    """When both sides have ended, both sockets are closed: a server would run out of them within hours."""

    async def difference() -> int:
        loop = asyncio.get_running_loop()
        before, deadline = _open_sockets(), loop.time() + 5
        await _through_a_splice(b"x")
        while _open_sockets() > before and loop.time() < deadline:  # noqa: ASYNC110 - nothing tells when the kernel is done
            await asyncio.sleep(0.01)
        return _open_sockets() - before

    assert asyncio.run(difference()) == 0
