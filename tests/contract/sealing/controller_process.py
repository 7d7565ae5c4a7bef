"""The lab's Sealed Secrets controller beside a real API server, reading its keys at its start only, as the real one does."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from time import monotonic
from typing import Any

import yaml
from kubernetes_api import TOKEN
from sealing_controller import MERGE, own_address
from sealing_controller import Api as Objects

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.lab.standin.node.sealing_controller import SealingController
from koprogo_fleet.lab.standin.node.sealing_objects import custom_resource_definition
from koprogo_fleet.lab.standin.node.wire import Api

NAMESPACE = "kube-system"
NAME = "sealed-secrets-controller"
LABELS = {"app.kubernetes.io/name": "sealed-secrets"}
DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{NAME}"
A_SECOND = 2
"""So many calls of /v1/verify the real controller allows."""


class ReadsKeysAtStart(SealingController):
    """Does not notice keys that are added or taken away while it runs."""

    def load_keys(self) -> None:
        """Read the keys, unless they have been."""
        if not self._loaded:
            super().load_keys()

    def _install(self) -> None:
        """Nothing: :func:`running` has."""


class Running:
    """One controller after the other: each restart of its Deployment makes a new one."""

    def __init__(self, kubeconfig: Path) -> None:
        self._kubeconfig = kubeconfig
        self._objects = Objects(kubeconfig)
        self._stopped = Event()
        self._lock = Lock()
        self._calls: list[float] = []
        self._controller: ReadsKeysAtStart | None = None
        self._template: Any = None
        self._client: Api | None = None
        self.refused = 0

    def answer(self, method: str, path: str, body: bytes) -> tuple[HTTPStatus, str, bytes]:
        """Answer as the controller that runs, with the real one's limit on verifications."""
        controller = self._controller
        if controller is None:
            return HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", b""
        if path == "/v1/verify":
            with self._lock:
                now = monotonic()
                self._calls = [at for at in self._calls if now - at < 1]
                if len(self._calls) >= A_SECOND:
                    self.refused += 1
                    return HTTPStatus.TOO_MANY_REQUESTS, "text/plain", b""
                self._calls.append(now)
        return controller.answer(method, path, body)

    def rounds(self) -> None:
        """Reconcile until the end."""
        while not self._stopped.wait(0.1):
            deployment = self._objects.get(DEPLOYMENT)
            assert deployment is not None
            if deployment["spec"]["template"] != self._template:
                self._template = deployment["spec"]["template"]
                self._controller = ReadsKeysAtStart(self._api)
            if self._controller is not None:
                with suppress(KubernetesError):  # something was deleted under it: the next round sees that
                    self._controller.reconcile()
        if self._client is not None:
            self._client.close()

    def stop(self) -> None:
        """Let the last round end."""
        self._stopped.set()

    def _api(self) -> Api:
        if self._client is not None:
            self._client.close()
        cluster = yaml.safe_load(self._kubeconfig.read_text())["clusters"][0]["cluster"]
        host, port = cluster["server"].removeprefix("https://").split(":")
        context = ssl.create_default_context(cafile=cluster["certificate-authority"])
        self._client = Api(host, int(port), context, {"Authorization": f"Bearer {TOKEN}"})
        return self._client


@contextmanager
def running(kubeconfig: Path) -> Iterator[Running]:
    """Run the controller, and a Deployment of no pods that stands for it."""
    objects, here = Objects(kubeconfig), Running(kubeconfig)
    pod = {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "c", "image": "c"}]}}
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": NAMESPACE, "name": NAME},
        "spec": {"replicas": 0, "selector": {"matchLabels": LABELS}, "template": pod},
    }
    objects.patch(DEPLOYMENT, deployment)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, kind, answer = here.answer(self.command, self.path, body)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Be silent."""

    with ThreadingHTTPServer((own_address(), 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        _expose(objects, str(server.server_address[0]), server.server_port)
        thread = Thread(target=here.rounds)
        thread.start()
        try:
            yield here
        finally:
            here.stop()
            thread.join()
            server.shutdown()


def _expose(objects: Objects, address: str, port: int) -> None:
    """Make the kind, and a Service that leads to *address*: to a pod of the Deployment, as far as Kubernetes can see."""
    definition = custom_resource_definition()
    objects.patch(
        f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition['metadata']['name']}", definition
    )
    place, metadata = f"/api/v1/namespaces/{NAMESPACE}", {"namespace": NAMESPACE, "name": NAME}
    objects.patch(f"/api/v1/nodes/{NAME}", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NAME}})
    spec = {"nodeName": NAME, "containers": [{"name": "c", "image": "c"}], "tolerations": [{"operator": "Exists"}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, "labels": LABELS}}
    objects.patch(f"{place}/pods/{NAME}", {**pod, "spec": spec})
    ready = [{"type": "Ready", "status": "True"}]
    status = {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "conditions": ready}
    objects.patch(f"{place}/pods/{NAME}/status", {"status": status}, MERGE)
    ports = [{"name": "http", "port": 8080, "targetPort": port, "protocol": "TCP"}]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata}
    spec = {"selector": LABELS, "ports": ports, "publishNotReadyAddresses": True}  # nobody speaks for the node
    objects.patch(f"{place}/services/{NAME}", {**service, "spec": spec})
