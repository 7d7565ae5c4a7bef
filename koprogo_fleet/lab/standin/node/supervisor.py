"""The supervisor's HTTPS interface: what joining servers and agents ask a server, as K3s names it."""

from __future__ import annotations

import base64
import hmac
import json
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from ipaddress import IPv4Address
from types import MappingProxyType
from urllib.parse import urlsplit

from koprogo_fleet.core.errors import InputError, KubernetesError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab.standin.node.certificates import Subject
from koprogo_fleet.lab.standin.node.front import SUPERVISOR_PROTOCOL
from koprogo_fleet.lab.standin.node.layout import Layout
from koprogo_fleet.lab.standin.node.log import log
from koprogo_fleet.lab.standin.node.node_password import NODE_REJECTED, NodePassword
from koprogo_fleet.lab.standin.node.pki import Pki, export_shared
from koprogo_fleet.lab.standin.node.settings import ClusterNetwork
from koprogo_fleet.lab.standin.node.wire import Api

NODE_GROUP = "system:nodes"
TIMEOUT_SECONDS = 30
LARGEST_BODY = 64 * 1024


@dataclass(frozen=True)
class Reply:
    """What one request is answered."""

    status: HTTPStatus
    body: bytes
    content_type: str = "text/plain"


@dataclass(frozen=True)
class Request:
    """What a handler needs of a request; *user* is who has proven its password ("server", "node" or "")."""

    user: str
    headers: Mapping[str, str]
    body: bytes


class Supervisor:
    """
    Answers the supervisor's requests.

    Args:
        passwords: by user, "server" and "node".
        api: makes a client of this server's API server.
        for_servers: more requests, by method and path, that take the server's password.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - what it answers from
        self,
        layout: Layout,
        pki: Pki,
        network: ClusterNetwork,
        passwords: Mapping[str, Secret],
        api: Callable[[], Api],
        for_servers: Mapping[tuple[str, str], Callable[[Request], Reply]] = MappingProxyType({}),
    ) -> None:
        self._for_servers = {("GET", "/v1-k3s/server-bootstrap"): self._server_bootstrap, **for_servers}
        self._layout = layout
        self._pki = pki
        self._network = network
        self._passwords = passwords
        self._api = api
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate = layout.tls / "serving-kube-apiserver.crt"
        self._context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        self._context.set_alpn_protocols([SUPERVISOR_PROTOCOL])

    def serve(self, connection: socket.socket) -> None:
        """Answer the requests of one connection until it ends."""
        connection.settimeout(TIMEOUT_SECONDS)
        try:
            with self._context.wrap_socket(connection, server_side=True) as secured:
                _Handler(secured, self)
        except OSError as error:
            log.debug("supervisor connection ended: %s", error)

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer one request."""
        public = {("GET", "/ping"): self._ping, ("GET", "/cacerts"): self._cacerts}
        private = {
            ("GET", "/v1-k3s/readyz"): self._readyz,
            ("GET", "/v1-k3s/config"): self._config,
            ("GET", "/v1-k3s/apiservers"): self._apiservers,
            ("GET", "/v1-k3s/client-ca.crt"): self._client_ca,
            ("POST", "/v1-k3s/client-kubelet.crt"): self._client_kubelet,
            ("POST", "/v1-k3s/serving-kubelet.crt"): self._serving_kubelet,
            ("POST", "/v1-k3s/client-kube-proxy.crt"): self._client_kube_proxy,
            **self._for_servers,
        }
        route = (method, urlsplit(path).path)
        if route in public:
            return public[route]()
        if route not in private:
            return Reply(HTTPStatus.NOT_FOUND, b"404 page not found\n")
        user = self._authenticated(headers.get("Authorization", ""))
        if not user or (user != "server" and route in self._for_servers):
            return Reply(HTTPStatus.UNAUTHORIZED, b"Unauthorized\n")
        try:
            return private[route](Request(user, headers, body))
        except InputError as error:
            return Reply(HTTPStatus.BAD_REQUEST, f"{error}\n".encode())
        except KubernetesError as error:  # our own API server does not answer
            return Reply(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}\n".encode())

    def _authenticated(self, authorization: str) -> str:
        scheme, _, encoded = authorization.partition(" ")
        if scheme.lower() != "basic":
            return ""
        try:
            user, _, password = base64.b64decode(encoded).decode().partition(":")
        except ValueError:
            return ""
        expected = self._passwords.get(user)
        if expected is None or not hmac.compare_digest(expected.reveal().encode(), password.encode()):
            return ""
        return user

    def _ping(self) -> Reply:
        return Reply(HTTPStatus.OK, b"pong")

    def _cacerts(self) -> Reply:
        return Reply(HTTPStatus.OK, self._pki.server.certificate_pem)

    def _readyz(self, _request: Request) -> Reply:
        with closing(self._api()) as api:
            api.call("GET", "/readyz").success()
        return Reply(HTTPStatus.OK, b"ok")

    def _config(self, _request: Request) -> Reply:
        return _json(asdict(self._network))

    def _apiservers(self, _request: Request) -> Reply:
        with closing(self._api()) as api:
            endpoints = api.get("/api/v1/namespaces/default/endpoints/kubernetes") or {}
        return _json(
            [
                f"{address['ip']}:{port['port']}"
                for subset in endpoints.get("subsets") or ()
                for address in subset.get("addresses") or ()
                for port in subset["ports"]
            ]
        )

    def _client_ca(self, _request: Request) -> Reply:
        return Reply(HTTPStatus.OK, self._pki.client.certificate_pem)

    def _server_bootstrap(self, _request: Request) -> Reply:
        return _json({"files": export_shared(self._layout), "network": asdict(self._network)})

    def _client_kubelet(self, request: Request) -> Reply:
        node = _node_name(request)
        if not NodePassword(node, self._api).matches(request.headers.get("K3s-Node-Password", "")):
            return Reply(HTTPStatus.FORBIDDEN, NODE_REJECTED.encode())
        return _pem(self._pki.client.sign_request(request.body, Subject(f"system:node:{node}", NODE_GROUP)))

    def _serving_kubelet(self, request: Request) -> Reply:
        node = _node_name(request)
        try:
            address = str(IPv4Address(request.headers.get("K3s-Node-IP", "")))
        except ValueError as error:
            raise InputError(f"K3s-Node-IP: {error}") from error
        subject = Subject(node, names=(node, "localhost", "127.0.0.1", address))
        return _pem(self._pki.server.sign_request(request.body, subject))

    def _client_kube_proxy(self, request: Request) -> Reply:
        return _pem(self._pki.client.sign_request(request.body, Subject("system:kube-proxy")))


class _Handler(BaseHTTPRequestHandler):
    """The HTTP of one connection."""

    protocol_version = "HTTP/1.1"

    def __init__(self, connection: ssl.SSLSocket, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        super().__init__(connection, ("", 0), None)  # type: ignore[arg-type]  # no server object is needed

    def do_GET(self) -> None:
        self._reply()

    def do_POST(self) -> None:
        self._reply()

    def do_PUT(self) -> None:
        self._reply()

    def _reply(self) -> None:
        length = min(int(self.headers.get("Content-Length") or 0), LARGEST_BODY)
        reply = self._supervisor.answer(self.command, self.path, dict(self.headers), self.rfile.read(length))
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name for it
        log.debug(format, *arguments)


def _node_name(request: Request) -> str:
    name = request.headers.get("K3s-Node-Name", "")
    if not name:
        raise InputError("node name not set")
    return name


def _json(value: object) -> Reply:
    return Reply(HTTPStatus.OK, json.dumps(value).encode(), "application/json")


def _pem(certificate: bytes) -> Reply:
    return Reply(HTTPStatus.OK, certificate, "application/x-pem-file")
