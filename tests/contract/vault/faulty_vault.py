"""A proxy in front of the real OpenBao, over TLS: it says what it is told to, loses answers, and counts the calls."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import requests

from koprogo_fleet.lab.openbao import VaultEndpoint


@dataclass
class Fault:
    """
    What happens to calls whose "METHOD path" begins with *call*.

    Attributes:
        status: is answered instead of Vault; None lets Vault do it, and loses its answer.
        times: how often, then no more.
        body: of the answer.
    """

    call: str
    status: int | None = None
    times: int = 1
    body: bytes = b'{"errors": []}'


@dataclass
class FaultyVault:
    """The proxy: its address, its faults to come, and the calls that it has seen."""

    address: str
    faults: list[Fault] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    _taking: threading.Lock = field(default_factory=threading.Lock)

    def take(self, call: str) -> Fault | None:
        """Return the fault of a call, which is then one less."""
        with self._taking:
            self.calls.append(call)
            for fault in self.faults:
                if call.startswith(fault.call) and fault.times > 0:
                    fault.times -= 1
                    return fault
            return None

    def count(self, beginning: str) -> int:
        """Return how many calls have begun so."""
        return sum(call.startswith(beginning) for call in self.calls)


@contextmanager
def faulty_vault(real: VaultEndpoint) -> Iterator[FaultyVault]:
    """Yield a proxy that shows the real server's certificate."""
    tls = real.ca.parent
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls / "server.pem", tls / "server.key")

    class Handler(_Handler):
        pass

    with _Server(("127.0.0.1", 0), Handler) as server, requests.Session() as onward:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        onward.trust_env = False
        faulty = FaultyVault(f"https://127.0.0.1:{server.server_port}")
        Handler.faulty, Handler.real, Handler.ca, Handler.onward = faulty, real.address, real.ca, onward
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield faulty
        finally:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Be silent: clients leave, and that is what the tests are about."""


class _Handler(BaseHTTPRequestHandler):
    faulty: FaultyVault
    real: str
    ca: Path
    onward: requests.Session

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.faulty.take(f"{self.command} {self.path.removeprefix('/v1/')}")
        if fault is not None and fault.status is not None:
            self.send(fault.status, fault.body)
            return
        headers = {name: value for name, value in self.headers.items() if name.startswith("X-Vault-")}
        answer = self.onward.request(
            self.command, f"{self.real}{self.path}", data=body, headers=headers, verify=str(self.ca), timeout=10
        )
        if fault is not None:
            self.close_connection = True
            self.connection.close()
        else:
            self.send(answer.status_code, answer.content)

    def send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if body.startswith(b"{") else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_LIST = answer  # noqa: N815 - the base class's names

    def log_message(self, *_: object) -> None:
        """Be silent."""
