"""The lab's own sealed-secrets controller: part of the stand-in, since no registry is there to bring the real one."""

from __future__ import annotations

import base64
import datetime as dt
import json
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from koprogo_fleet.core.errors import InputError, KubernetesError
from koprogo_fleet.lab.standin.node import sealing
from koprogo_fleet.lab.standin.node.layout import SEALING_ADDRESS, SEALING_PORT
from koprogo_fleet.lab.standin.node.log import log
from koprogo_fleet.lab.standin.node.sealing_objects import NAMESPACE, custom_resource_definition, service
from koprogo_fleet.lab.standin.node.wire import Api

APPLY = "application/apply-patch+yaml"
MANAGER = "sealed-secrets-controller"
SEALED = f"/apis/{sealing.GROUP}/v1alpha1"
LARGEST_BODY = 1024 * 1024


class SealingController:
    """
    Keeps the sealing key, and every Secret that a SealedSecret stands for.

    Every server answers for its certificate; one of them, which holds a lease, writes.
    """

    def __init__(self, api: Callable[[], Api]) -> None:
        self._api = api()
        self._keys: tuple[rsa.RSAPrivateKey, ...] = ()
        self._certificate = b""
        self._loaded: dict[str, str] | None = None
        self._installed = False

    def serve(self) -> None:
        """Answer ``/v1/cert.pem``, ``/v1/verify``, ``/v1/rotate`` and ``/healthz`` on the loopback address, in a thread."""
        controller = self

        class Handler(_Handler):
            answer = controller.answer

        server = ThreadingHTTPServer((SEALING_ADDRESS, SEALING_PORT), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, name="sealing", daemon=True).start()

    def answer(self, method: str, path: str, body: bytes) -> tuple[HTTPStatus, str, bytes]:
        """Answer one request: status, content type, body."""
        if (method, path) == ("GET", "/healthz"):
            return HTTPStatus.OK, "text/plain", b"ok"
        if (method, path) == ("GET", "/v1/cert.pem"):
            if not self._certificate:
                return HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", b"no certificate yet"
            return HTTPStatus.OK, "application/x-pem-file", self._certificate
        if (method, path) == ("POST", "/v1/verify"):
            return self._verify(body), "text/plain", b""
        if (method, path) == ("POST", "/v1/rotate"):
            return self._rotate(body)
        return HTTPStatus.NOT_FOUND, "text/plain", b"404 page not found\n"

    def _verify(self, body: bytes) -> HTTPStatus:
        try:
            sealing.unseal(json.loads(body), self._keys)
        except InputError:
            return HTTPStatus.CONFLICT
        except (ValueError, KeyError, TypeError):  # not a SealedSecret in JSON
            return HTTPStatus.INTERNAL_SERVER_ERROR
        return HTTPStatus.OK

    def _rotate(self, body: bytes) -> tuple[HTTPStatus, str, bytes]:
        try:
            rotated = sealing.rotate(json.loads(body), self._keys, self._certificate)
        except (InputError, ValueError, KeyError, TypeError) as error:
            return HTTPStatus.INTERNAL_SERVER_ERROR, "text/plain", str(error).encode()
        return HTTPStatus.OK, "application/json", json.dumps(rotated).encode()

    def load_keys(self) -> None:
        """Read the active keys from the cluster, if they have changed; the newest certificate is the one to seal with."""
        secrets = self._api.items(f"/api/v1/namespaces/{NAMESPACE}/secrets?labelSelector={sealing.KEY_LABEL}%3Dactive")
        versions = {secret["metadata"]["uid"]: secret["metadata"]["resourceVersion"] for secret in secrets}
        if versions == self._loaded:  # OpenSSL checks a key of this size for a tenth of a second when it reads it
            return
        pairs = [
            (base64.b64decode(secret["data"]["tls.crt"]), sealing.load_key(base64.b64decode(secret["data"]["tls.key"])))
            for secret in secrets
        ]
        pairs.sort(key=lambda pair: x509.load_pem_x509_certificate(pair[0]).not_valid_before, reverse=True)
        self._keys = tuple(key for _, key in pairs)
        self._certificate = pairs[0][0] if pairs else b""
        self._loaded = versions

    def reconcile(self) -> None:
        """Do one round as the holder of the lease: install what is missing, then unseal what is not yet unsealed."""
        if not self._installed:
            self._install()
            self._installed = True
        self.load_keys()
        if not self._keys:
            self._make_key()
            self.load_keys()
        for sealed in self._api.items(f"{SEALED}/sealedsecrets"):
            self._sync(sealed)

    def stand_down(self) -> None:
        """Forget that everything is installed: another server may write from now on."""
        self._installed = False

    def _install(self) -> None:
        definition = custom_resource_definition()
        name = definition["metadata"]["name"]
        self._apply(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}", definition)
        self._apply(f"/api/v1/namespaces/{NAMESPACE}/services/{MANAGER}", service())

    def _apply(self, path: str, manifest: dict[str, Any]) -> None:
        self._api.send("PATCH", f"{path}?fieldManager={MANAGER}&force=true", manifest, APPLY).success()

    def _make_key(self) -> None:
        key, certificate = sealing.make_key()
        secret = {
            "metadata": {"generateName": "sealed-secrets-key", "labels": {sealing.KEY_LABEL: "active"}},
            "type": "kubernetes.io/tls",
            "data": {"tls.crt": base64.b64encode(certificate).decode(), "tls.key": base64.b64encode(key).decode()},
        }
        self._api.send("POST", f"/api/v1/namespaces/{NAMESPACE}/secrets", secret).success()
        log.info("sealed-secrets: new sealing key written")

    def _sync(self, sealed: dict[str, Any]) -> None:
        metadata, status = sealed["metadata"], sealed.get("status") or {}
        path = f"/api/v1/namespaces/{metadata['namespace']}/secrets"
        present = self._api.get(f"{path}/{metadata['name']}")
        is_new = status.get("observedGeneration") != metadata["generation"]
        if present is not None and not is_new:
            return
        try:
            self._write(path, sealed, sealing.unseal(sealed, self._keys), present)
        except (InputError, KubernetesError) as error:
            if is_new:
                log.warning("sealed-secrets: %s/%s: %s", metadata["namespace"], metadata["name"], error)
                self._set_status(sealed, message=str(error))
            return
        log.info("sealed-secrets: %s/%s unsealed", metadata["namespace"], metadata["name"])
        self._set_status(sealed, message="")

    def _write(self, path: str, sealed: dict[str, Any], secret: dict[str, Any], present: dict[str, Any] | None) -> None:
        if present is None:
            self._api.send("POST", path, secret).success()
            return
        annotations = present["metadata"].get("annotations") or {}
        owners = {owner["uid"] for owner in present["metadata"].get("ownerReferences") or ()}
        one = f"{path}/{present['metadata']['name']}"
        if sealed["metadata"]["uid"] in owners or annotations.get(f"{sealing.ANNOTATION}/managed") == "true":
            secret["metadata"]["resourceVersion"] = present["metadata"]["resourceVersion"]
            self._api.send("PUT", one, secret).success()
        elif annotations.get(f"{sealing.ANNOTATION}/patch") == "true":
            merged = {field: secret["metadata"][field] for field in ("labels", "annotations")}
            self._api.merge(one, {"metadata": merged, "data": secret["data"]}).success()
        else:
            name = present["metadata"]["name"]
            raise InputError(f'Resource "{name}" already exists and is not managed by SealedSecret')

    def _set_status(self, sealed: dict[str, Any], *, message: str) -> None:
        metadata = sealed["metadata"]
        now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        condition = {
            "type": "Synced",
            "status": "False" if message else "True",
            "lastTransitionTime": now,
            "lastUpdateTime": now,
            **({"message": message} if message else {}),
        }
        status = {"observedGeneration": metadata["generation"], "conditions": [condition]}
        path = f"{SEALED}/namespaces/{metadata['namespace']}/sealedsecrets/{metadata['name']}/status"
        self._api.merge(path, {"status": status}).success()


class _Handler(BaseHTTPRequestHandler):
    """The HTTP of the controller."""

    protocol_version = "HTTP/1.1"
    timeout = 30

    def answer(self, method: str, path: str, body: bytes) -> tuple[HTTPStatus, str, bytes]:
        """Answer one request; the controller's own method takes this place."""
        raise NotImplementedError

    def do_GET(self) -> None:
        self._reply()

    def do_POST(self) -> None:
        self._reply()

    def _reply(self) -> None:
        length = min(int(self.headers.get("Content-Length") or 0), LARGEST_BODY)
        status, content_type, body = self.answer(self.command, self.path, self.rfile.read(length))
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name for it
        log.debug(format, *arguments)
