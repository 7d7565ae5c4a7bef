"""Port forwarding through a real sshd."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from real_sshd import Sshd, free_port

from koprogo_fleet.ssh.connection import connect
from koprogo_fleet.ssh.session import Session


@pytest.fixture
def echo() -> Iterator[int]:
    """Serve an echo that ends when its client has sent everything."""

    def serve(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)

    def accept(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        thread = threading.Thread(target=accept, args=(listener,))
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def through(port: int, data: bytes) -> bytes:
    """Send everything, then read to the end."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        sender = threading.Thread(target=lambda: (connection.sendall(data), connection.shutdown(socket.SHUT_WR)))
        sender.start()
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
        sender.join()
    return answer


def test_many_connections_at_once(session: Session, echo: int) -> None:
    """Thirty parallel connections each get their own bytes back, whole, and their threads end."""
    threads = set(threading.enumerate())
    payloads = [os.urandom(200_000) for _ in range(30)]

    with session.forward("127.0.0.1", echo) as port, ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda payload: through(port, payload), payloads))

    assert [hashlib.sha256(payload).hexdigest() for payload in payloads] == [
        hashlib.sha256(answer).hexdigest() for answer in answers
    ]
    assert not [thread for thread in set(threading.enumerate()) - threads if thread.name.startswith("tunnel")]


def test_refused_target(session: Session) -> None:
    """A port where nothing listens ends that connection, and the tunnel goes on."""
    with session.forward("127.0.0.1", free_port()) as port:
        assert through(port, b"") == b""
        assert through(port, b"") == b""
    assert session.run("echo on", timeout=60).stdout == b"on\n"


def test_a_lost_way_is_renewed(session: Session, sshd: Sshd, echo: int) -> None:
    """When the connection behind a tunnel is gone, the next one through the same port goes another way."""
    lost = connect(sshd.login)
    with lost.forward("127.0.0.1", echo, renew=lambda: session) as port:
        assert through(port, b"before") == b"before"
        lost.close()

        assert through(port, b"after") == b"after"


def test_leaving_ends_open_connections(session: Session, echo: int) -> None:
    """On leaving, a connection that is still open is closed, and the port is free again."""
    with session.forward("127.0.0.1", echo) as port:
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
        connection.sendall(b"x")
        assert connection.recv(1) == b"x"

    with connection:
        assert connection.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
