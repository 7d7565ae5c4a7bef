"""The traffic of a load balancer, over loopback."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network

import pytest

from koprogo_fleet.lab.health_checks import Address, Check, HttpRequest, answers
from koprogo_fleet.lab.load_balancer import Forward, LoadBalancer, proxy_header

ANYWHERE = ("127.0.0.1", 0)
ELSEWHERE = ("127.0.0.2", 0)


@contextmanager
def a_member(name: str) -> Iterator[Address]:
    """Run a server that answers with its name and all that it got."""
    listener = socket.create_server(ANYWHERE)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.sendall(name.encode() + b" " + all_of(connection))

    thread = threading.Thread(target=serve)
    thread.start()
    yield listener.getsockname()
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


@contextmanager
def a_balancer(*forwards: Forward) -> Iterator[LoadBalancer]:
    """Run a load balancer."""
    balancer = LoadBalancer(forwards, connect_seconds=1.0)
    yield balancer
    balancer.close()


def ask(address: Address, question: bytes = b"hello") -> bytes:
    """Return what is answered, up to the end of the connection."""
    with socket.create_connection(address, timeout=5) as connection:
        connection.sendall(question)
        connection.shutdown(socket.SHUT_WR)
        return all_of(connection)


def all_of(connection: socket.socket) -> bytes:
    """Return what comes, up to the end of that direction."""
    return b"".join(iter(lambda: connection.recv(4096), b""))


def a_free_port() -> Address:
    """Return an address where nobody listens."""
    with socket.create_server(ANYWHERE) as listener:
        return listener.getsockname()


def test_round_robin() -> None:
    """Each connection goes to the next member."""
    with a_member("one") as one, a_member("two") as two, a_balancer(Forward(ANYWHERE, (one, two))) as balancer:
        answers = [ask(balancer.addresses[0]) for _ in range(4)]

    assert [b"one hello", b"two hello", b"one hello", b"two hello"] == answers


def test_a_member_that_does_not_answer() -> None:
    """A connection goes to a member that answers; without any it is closed."""
    dead = a_free_port()
    with a_member("one") as one, a_balancer(Forward(ANYWHERE, (dead, one)), Forward(ELSEWHERE, (dead,))) as balancer:
        answers = [ask(balancer.addresses[0]) for _ in range(3)]
        with socket.create_connection(balancer.addresses[1], timeout=5) as connection:
            nothing = connection.recv(1)

    assert ([b"one hello"] * 3, b"") == (answers, nothing)


def test_a_member_that_speaks_first() -> None:
    """What a member says at once, and its end, reach a client that has said nothing."""
    with socket.create_server(ANYWHERE) as listener:

        def greet() -> None:
            for _ in range(20):
                connection, _source = listener.accept()
                with connection:
                    connection.sendall(b"220 hello")

        thread = threading.Thread(target=greet)
        thread.start()
        with a_balancer(Forward(ANYWHERE, (listener.getsockname(),))) as balancer:
            heard = set()
            for _ in range(20):
                with socket.create_connection(balancer.addresses[0], timeout=5) as connection:
                    heard.add(all_of(connection))
        thread.join()

    assert {b"220 hello"} == heard


def test_proxy_protocol_in_a_line() -> None:
    """Version 1 tells the member the client's address before the client's own bytes."""
    with a_member("one") as one, a_balancer(Forward(ANYWHERE, (one,), 1)) as balancer:
        answer = ask(balancer.addresses[0])
        port = balancer.addresses[0][1]

    assert answer.startswith(b"one PROXY TCP4 127.0.0.1 127.0.0.1 ")
    assert answer.endswith(f" {port}\r\nhello".encode())


def test_proxy_protocol_binary() -> None:
    """Version 2 is the signature, the command, the family, the length, and the addresses, as its text says."""
    header = proxy_header(2, ("192.0.2.1", 0x1234), ("198.51.100.2", 443))

    assert "0d0a0d0a000d0a515549540a2111000cc0000201c6336402123401bb" == header.hex()


def test_closed() -> None:
    """After close() nothing listens; an address that is taken is an error, after which the others are free."""
    with a_member("one") as one:
        with a_balancer(Forward(ANYWHERE, (one,))) as balancer:
            (address,) = balancer.addresses
        with pytest.raises(ConnectionRefusedError):
            ask(address)
        free = a_free_port()
        with pytest.raises(OSError, match="in use"):
            LoadBalancer([Forward(free, ()), Forward(one, ())])
        socket.create_server(free).close()


def test_other_members_and_listeners() -> None:
    """What is applied later is in force for new connections; a listener that is no longer wanted is closed."""
    with a_member("one") as one, a_member("two") as two, a_balancer(Forward(ANYWHERE, (one,))) as balancer:
        (address,) = balancer.addresses
        balancer.apply([Forward(ANYWHERE, (two,)), Forward(ELSEWHERE, (one,))])
        assert [b"two hello", b"one hello"] == [ask(here) for here in balancer.addresses]
        assert address == balancer.addresses[0]
        balancer.apply([Forward(ELSEWHERE, (one,))])

        with pytest.raises(ConnectionRefusedError):
            ask(address)


def test_only_allowed_sources() -> None:
    """A source that is not in the allowed networks is closed without a byte."""
    with a_member("one") as one:
        forwards = [
            Forward(ANYWHERE, (one,), allowed=(IPv4Network("192.0.2.0/24"),)),
            Forward(ELSEWHERE, (one,), allowed=(IPv4Network("127.0.0.0/8"),)),
        ]
        with a_balancer(*forwards) as balancer:
            with socket.create_connection(balancer.addresses[0], timeout=5) as connection:
                nothing = connection.recv(1)

            assert (b"", b"one hello") == (nothing, ask(balancer.addresses[1]))


@pytest.mark.parametrize(
    ("status", "good", "is_well"),
    [(200, "200", True), (204, "200-204", True), (301, "200,301", True), (503, "200", False), (503, "200-299", False)],
)
def test_http_check(status: int, good: str, *, is_well: bool) -> None:
    """An HTTP check wants one of its answers, and sends its path and host."""
    with socket.create_server(ANYWHERE) as listener:
        asked: list[bytes] = []

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(4096))
                connection.sendall(f"HTTP/1.1 {status} So\r\n\r\n".encode())

        thread = threading.Thread(target=answer)
        thread.start()
        check = Check(1, 5, 1, 1, HttpRequest("/healthz", host="koprogo.io", good=good))
        found = asyncio.run(answers(listener.getsockname(), check))
        thread.join()

    assert ([b"GET /healthz HTTP/1.0\r\nHost: koprogo.io\r\n\r\n"], is_well) == (asked, found)


def test_closed_while_a_client_waits() -> None:
    """Who waits for a member that does not answer is let go when the balancer closes."""
    with socket.create_server(ANYWHERE, backlog=0) as silent:
        first = socket.create_connection(silent.getsockname())  # fills the queue: nobody else gets in
        balancer = LoadBalancer([Forward(ANYWHERE, (silent.getsockname(),))], connect_seconds=60)
        with first, socket.create_connection(balancer.addresses[0], timeout=10) as client:
            balancer.close()

            assert b"" == client.recv(1)


def test_a_place_that_cannot_be_entered() -> None:
    """A namespace that is gone is an error at once, and leaves no thread."""

    def enter() -> None:
        raise FileNotFoundError("no such namespace")

    with pytest.raises(FileNotFoundError):
        LoadBalancer(enter=enter)

    assert not any(thread.name == "load-balancer" for thread in threading.enumerate())
