"""The client side of joining: is it the right cluster, do we know the password, and what does the server hand out."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.lab.standin.node.certificates import certificate_request, ensure_private_key
from koprogo_fleet.lab.standin.node.front import SUPERVISOR_PROTOCOL
from koprogo_fleet.lab.standin.node.tokens import Token
from koprogo_fleet.lab.standin.node.wire import TIMEOUT_SECONDS, Answer, Client


class Server:
    """
    A server of the cluster to join, whose identity has been checked against the token.

    Args:
        host: where to connect, which for an agent is its own load balancer.
        user: whose password the token's is, where the token does not say: "server" or "node".
        seconds: how long one answer may take.

    Raises:
        KubernetesError: no answer, another cluster's CA, or a certificate that the CA has not signed.
    """

    def __init__(self, host: str, port: int, token: Token, *, user: str, seconds: float = TIMEOUT_SECONDS) -> None:
        with closing(Client(host, port, _context(None))) as stranger:
            try:
                self.ca_pem = stranger.call("GET", "/cacerts").success()
            except KubernetesError as error:
                raise KubernetesError(f"failed to get CA certs: {error}") from error
        token.check_ca(self.ca_pem)
        credentials = f"{token.user or user}:{token.password.reveal()}".encode()
        headers = {"Authorization": f"Basic {base64.b64encode(credentials).decode()}"}
        self._client = Client(host, port, _context(self.ca_pem), headers, seconds)

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        self._client.close()

    def get(self, path: str) -> Answer:
        """Ask for *path* with the token's password."""
        return self._client.call("GET", path)

    def put(self, path: str, body: bytes) -> Answer:
        """Send *body* to *path* with the token's password."""
        return self._client.call("PUT", path, body)

    def certify(self, path: str, certificate_file: Path, headers: Mapping[str, str]) -> None:
        """
        Have the key beside *certificate_file* certified, and write the certificate; the key is made where there is none.

        Raises:
            KubernetesError: the server refuses; carries its reason.
        """
        key = ensure_private_key(certificate_file.with_suffix(".key"))
        answer = self._client.call("POST", path, certificate_request(key), headers)
        if not answer.ok:
            raise KubernetesError(f"{answer.request}: {answer.status} {answer.reason}: {answer.body.decode().strip()}")
        write_atomically(certificate_file, answer.body)


def _context(ca_pem: bytes | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols([SUPERVISOR_PROTOCOL])
    if ca_pem is None:  # only to fetch the CA, whose hash is then compared
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(cadata=ca_pem.decode())
    return context


def client_context(ca: Path, certificate: Path) -> ssl.SSLContext:
    """Return the TLS settings of a client that shows a certificate to the API server."""
    context = ssl.create_default_context(cafile=str(ca))
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))
    return context
