"""Port 6443 of a server knows from a connection's first bytes who it is for."""

from __future__ import annotations

import socket
import ssl

import pytest

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.lab.standin.node.front import SUPERVISOR_PROTOCOL, Destination, destination, listen


def _greeting(*protocols: str, name: str = "k3s.example") -> bytes:
    """Return a real client's first message."""
    context = ssl.create_default_context()
    if protocols:
        context.set_alpn_protocols(list(protocols))
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize(
    ("greeting", "expected"),
    [
        (_greeting(SUPERVISOR_PROTOCOL), Destination.SUPERVISOR),
        (_greeting("h2", "http/1.1"), Destination.API_SERVER),
        (_greeting("h2", "http/1.1", name="localhost"), Destination.SUPERVISOR),
        (_greeting("h2", name="localhost.example"), Destination.API_SERVER),
        (_greeting(), Destination.API_SERVER),
        (b"GET /v1/cert.pem HTTP/1.1\r\n", Destination.SEALING),
    ],
)
def test_the_greeting_decides(greeting: bytes, expected: Destination) -> None:
    """The supervisor is asked for by name, other TLS is for the API server, plain HTTP for the sealing controller."""
    assert destination(greeting) is expected


def test_half_a_greeting_decides_nothing() -> None:
    """As long as part of the greeting is missing there is no answer, wherever the network has cut it."""
    greeting = _greeting(SUPERVISOR_PROTOCOL)

    assert {destination(greeting[:length]) for length in range(len(greeting))} == {None}


@pytest.mark.parametrize("shared", [False, True])
def test_a_port_that_is_taken_is_an_error_in_k3s_words(*, shared: bool) -> None:
    """Neither another program nor a second server of ours can have the port, even where it may be shared later."""
    with listen("127.0.0.1", 0, shared=shared) as first:
        port = first.getsockname()[1]

        with pytest.raises(KubernetesError) as caught:
            listen("127.0.0.1", port, shared=shared)

    assert str(caught.value) == f"listen tcp 127.0.0.1:{port}: bind: address already in use"


def test_a_shared_port_is_shared_with_another_address() -> None:
    """The API server can have the same port on an address of its own, and gets the connections to it."""
    with listen("0.0.0.0", 0, shared=True) as front:  # noqa: S104 - the situation on a server
        port = front.getsockname()[1]
        with socket.socket() as own:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            own.bind(("127.0.0.2", port))
            own.listen()
            own.settimeout(5)
            with socket.create_connection(("127.0.0.2", port), timeout=5):
                connection, _ = own.accept()
                connection.close()
