"""Joining: the client side against the supervisor's real HTTPS, on the loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab.standin.node import pki, tokens
from koprogo_fleet.lab.standin.node.front import listen
from koprogo_fleet.lab.standin.node.join import Server
from koprogo_fleet.lab.standin.node.layout import Layout
from koprogo_fleet.lab.standin.node.pki import Pki
from koprogo_fleet.lab.standin.node.settings import settings_from
from koprogo_fleet.lab.standin.node.supervisor import Supervisor
from koprogo_fleet.lab.standin.node.wire import Api

PASSWORDS = {"server": Secret("server-password"), "node": Secret("node-password")}


@dataclass(frozen=True)
class Running:
    """A supervisor that answers on *port*."""

    layout: Layout
    port: int
    ca: bytes

    def join(self, token: str) -> AbstractContextManager[Server]:
        """Do what a joining node does first."""
        return closing(Server("127.0.0.1", self.port, tokens.parse(token), user="node"))


def _no_api() -> Api:
    raise KubernetesError("the API server is not up")


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Running]:
    """Yield a supervisor whose API server is not up."""
    settings = settings_from("server", {"node-ip": ["10.0.0.11"], "node-name": "cp-1", "data-dir": str(tmp_path)})
    authorities = Pki(settings.layout)
    authorities.issue_all(settings)
    answering = Supervisor(settings.layout, authorities, settings.network, PASSWORDS, _no_api)
    listener = listen("127.0.0.1", 0)
    listener.setblocking(True)  # noqa: FBT003 - the signature of sockets

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # the test is over
                return
            threading.Thread(target=answering.serve, args=(connection,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield Running(settings.layout, listener.getsockname()[1], authorities.server.certificate_pem)
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(5)


def test_a_server_gets_what_all_servers_share(supervisor: Running, tmp_path: Path) -> None:
    """With the server's password comes every shared file, and a second server then has the same authorities."""
    full = tokens.parse("server-password").full(supervisor.ca, user="server").reveal()
    with supervisor.join(full) as server:
        shared = server.get("/v1-k3s/server-bootstrap").json()
    second = Layout(tmp_path / "second")
    pki.import_shared(second, shared["files"])

    assert pki.exists(second)
    assert Pki(second).server.certificate_pem == supervisor.ca
    assert (second.tls / "server-ca.key").stat().st_mode & 0o777 == 0o600
    assert shared["network"]["pods"] == "10.42.0.0/16"


@pytest.mark.parametrize(
    ("token", "path"),
    [("wrong", "/v1-k3s/config"), ("node-password", "/v1-k3s/server-bootstrap")],
)
def test_the_password_decides(supervisor: Running, token: str, path: str) -> None:
    """A wrong password opens nothing, and an agent's does not open what only servers may have."""
    with supervisor.join(token) as server:
        answer = server.get(path)

    with pytest.raises(KubernetesError, match=rf"https://127.0.0.1:\d+{path}: 401 Unauthorized"):
        answer.success()


def test_another_cluster_never_sees_the_password(supervisor: Running) -> None:
    """With a token of another cluster the join ends before anything secret is sent."""
    foreign = tokens.parse("node-password").full(b"another CA", user="node").reveal()

    with pytest.raises(KubernetesError, match="token CA hash does not match the Cluster CA certificate hash"):
        supervisor.join(foreign)


def test_a_nodes_key_is_certified_as_the_server_says(supervisor: Running, tmp_path: Path) -> None:
    """The certificate fits the node's own key, and names who the server says, whatever the request says."""
    file = tmp_path / "agent/client-kube-proxy.crt"
    with supervisor.join("node-password") as server:
        server.certify("/v1-k3s/client-kube-proxy.crt", file, {})

    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert [name.value for name in names] == ["system:kube-proxy"]
    assert file.with_suffix(".key").stat().st_mode & 0o777 == 0o600


def test_no_api_server_means_not_now(supervisor: Running) -> None:
    """While the API server is down the supervisor says so, and goes on answering what needs none."""
    with supervisor.join("node-password") as server:
        assert server.get("/v1-k3s/readyz").status == 503
        assert server.get("/ping").success() == b"pong"


def test_no_answer_is_told_with_the_address() -> None:
    """When nobody listens, the error says where."""
    with listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(KubernetesError, match=f"failed to get CA certs: .*127.0.0.1:{port}/cacerts"):
        Server("127.0.0.1", port, tokens.parse("x"), user="node")
