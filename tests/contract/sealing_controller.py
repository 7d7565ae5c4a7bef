"""A small Sealed Secrets controller for contract tests: what the real one promises (facts A2 to A4), and no more."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
import requests
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.secrets.seal import unseal

SEALED = "/apis/bitnami.com/v1alpha1"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"


class Api:
    """The Kubernetes API, as plain HTTP."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        cluster = config["clusters"][0]["cluster"]
        self._server = cluster["server"]
        self._session = requests.Session()
        self._session.trust_env = False  # REQUESTS_CA_BUNDLE would win over the next line
        self._session.verify = cluster["certificate-authority"]
        self._session.headers["Authorization"] = f"Bearer {config['users'][0]['user']['token']}"

    def get(self, path: str) -> dict[str, Any] | None:
        """Return an object or a list, or None."""
        answer = self._session.get(f"{self._server}{path}", timeout=60)
        return dict(answer.json()) if answer.ok else None

    def patch(self, path: str, body: object, kind: str = APPLY) -> None:
        """Apply or merge an object."""
        query = "?fieldManager=controller&force=true" if kind == APPLY else ""
        answer = self._session.patch(
            f"{self._server}{path}{query}", json=body, headers={"Content-Type": kind}, timeout=10
        )
        is_gone = kind == MERGE and answer.status_code == HTTPStatus.NOT_FOUND  # deleted since it was listed
        assert answer.ok or is_gone, answer.text


def own_address() -> str:
    """Return an address of this machine that is not loopback: no Endpoints may lead there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # a route is looked up, nothing is sent
        except OSError:
            pytest.skip("this machine has no network but loopback")
        return str(probe.getsockname()[0])


@contextmanager
def serving(certificate: bytes) -> Iterator[tuple[str, int]]:
    """Answer ``/v1/cert.pem`` as the controller does; yield the address and the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/v1/cert.pem" else 404)
            self.send_header("Content-Type", "application/x-pem-file")
            self.send_header("Content-Length", str(len(certificate)))
            self.end_headers()
            self.wfile.write(certificate)

        def log_message(self, *_: object) -> None:
            """Be silent."""

    with ThreadingHTTPServer((own_address(), 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        try:
            yield str(server.server_address[0]), server.server_port
        finally:
            server.shutdown()


def expose(api: Api, namespace: str, name: str, address: str, port: int) -> None:
    """Make a Service that leads to *address*; the API server's proxy leads to the addresses of pods only."""
    core, metadata = f"/api/v1/namespaces/{namespace}", {"namespace": namespace, "name": name}
    api.patch(
        f"/api/v1/namespaces/{namespace}", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    )
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": metadata,
        "spec": {"containers": [{"name": "c", "image": "c"}]},
    }
    api.patch(f"{core}/pods/{name}", pod)
    api.patch(f"{core}/pods/{name}/status", {"status": {"podIP": address, "podIPs": [{"ip": address}]}}, MERGE)
    service_port = {"name": "http", "port": 8080, "targetPort": port, "protocol": "TCP"}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [service_port]}}
    api.patch(f"{core}/services/{name}", service)
    target = {"kind": "Pod", **metadata}
    subset = {
        "addresses": [{"ip": address, "targetRef": target}],
        "ports": [{"name": "http", "port": port, "protocol": "TCP"}],
    }
    endpoints = {"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": [subset]}
    api.patch(f"{core}/endpoints/{name}", endpoints)


@contextmanager
def running_controller(kubeconfig: Path) -> Iterator[None]:
    """Install the kind SealedSecret, and turn its objects into Secrets until the end."""
    api = Api(kubeconfig)
    private_key, certificate = _key_pair()
    api.patch(
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/sealedsecrets.bitnami.com",
        _custom_resource_definition(),
    )
    stopped = Event()

    def rounds() -> None:
        while not stopped.wait(0.1):
            for sealed in (api.get(f"{SEALED}/sealedsecrets") or {}).get("items", ()):
                _reconcile(api, sealed, private_key)

    with serving(certificate) as (address, port):
        expose(api, "kube-system", "sealed-secrets-controller", address, port)
        thread = Thread(target=rounds)
        thread.start()
        try:
            yield
        finally:
            stopped.set()
            thread.join()


def _reconcile(api: Api, sealed: dict[str, Any], private_key: bytes) -> None:
    metadata = sealed["metadata"]
    namespace, name = metadata["namespace"], metadata["name"]
    present = api.get(f"/api/v1/namespaces/{namespace}/secrets/{name}")
    if present is not None and sealed.get("status", {}).get("observedGeneration") == metadata["generation"]:
        return
    try:
        message = _write(api, sealed, present, private_key)
    except InputError:
        message = "no key could decrypt secret"
    condition = {"type": "Synced", "status": "False" if message else "True", "message": message}
    status = {"observedGeneration": metadata["generation"], "conditions": [condition]}
    api.patch(f"{SEALED}/namespaces/{namespace}/sealedsecrets/{name}/status", {"status": status}, MERGE)


def _write(api: Api, sealed: dict[str, Any], present: dict[str, Any] | None, private_key: bytes) -> str:
    """Write the Secret; return why not, or nothing."""
    namespace, name, uid = (sealed["metadata"][field] for field in ("namespace", "name", "uid"))
    if present is not None and uid not in str(present["metadata"].get("ownerReferences")):
        return f'Resource "{name}" already exists and is not managed by SealedSecret'
    data: dict[str, str | None] = dict.fromkeys((present or {}).get("data", {}))  # None removes a key
    for key, value in sealed["spec"]["encryptedData"].items():
        content = unseal(value, private_key, namespace, name).reveal()
        data[key] = base64.b64encode(content.encode()).decode()
    path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
    if present is not None:
        api.patch(path, {"data": data}, MERGE)
        return ""
    owner = {"apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "name": name, "uid": uid, "controller": True}
    metadata = {"namespace": namespace, "name": name, "ownerReferences": [owner]}
    api.patch(path, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data})
    return ""


def _key_pair() -> tuple[bytes, bytes]:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sealed-secrets")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    private_key = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private_key, certificate.public_bytes(serialization.Encoding.PEM)


def _custom_resource_definition() -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": schema},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "sealedsecrets.bitnami.com"},
        "spec": {
            "group": "bitnami.com",
            "names": {"kind": "SealedSecret", "plural": "sealedsecrets"},
            "scope": "Namespaced",
            "versions": [version],
        },
    }
