"""The part of a Kubernetes API that says which kinds it has: enough for Helm to render a chart for any version."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

KINDS = {
    "v1": ("ConfigMap", "Pod", "Secret", "Service", "ServiceAccount"),
    "apps/v1": ("Deployment",),
    "networking.k8s.io/v1": ("Ingress", "NetworkPolicy"),
    "autoscaling/v1": ("HorizontalPodAutoscaler",),
}
OLD = {**KINDS, "autoscaling/v2beta2": ("HorizontalPodAutoscaler",), "policy/v1beta1": ("PodDisruptionBudget",)}
NEW = {**KINDS, "autoscaling/v2": ("HorizontalPodAutoscaler",), "policy/v1": ("PodDisruptionBudget",)}
"""What the chart could use, in Kubernetes 1.20 and in 1.34."""


@contextlib.contextmanager
def serve_discovery(directory: Path, version: str, kinds: Mapping[str, tuple[str, ...]]) -> Iterator[Path]:
    """Serve *kinds* (by group version) as Kubernetes *version* does, on loopback; yield the path of a kubeconfig."""
    answers = _answers(version, kinds)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/openapi/v2":  # an empty document: nothing to validate objects against
                self._answer(200, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf", b"")
            elif path.endswith("/secrets"):  # no release is installed
                self._answer(200, "application/json", b'{"kind": "SecretList", "apiVersion": "v1", "items": []}')
            elif path in answers:
                self._answer(200, "application/json", json.dumps(answers[path]).encode())
            else:
                self._answer(404, "application/json", b'{"kind": "Status", "apiVersion": "v1", "code": 404}')

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
        context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        kubeconfig = directory / "kubeconfig"
        kubeconfig.write_text(
            json.dumps(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "clusters": [cluster],
                    "users": [{"name": "u", "user": {}}],
                    "contexts": [context],
                    "current-context": "c",
                }
            )
        )
        try:
            yield kubeconfig
        finally:
            server.shutdown()
            thread.join()


def _answers(version: str, kinds: Mapping[str, tuple[str, ...]]) -> dict[str, object]:
    major, minor, _ = version.split(".")
    groups: dict[str, list[str]] = {}
    answers: dict[str, object] = {
        "/version": {"major": major, "minor": minor, "gitVersion": f"v{version}"},
        "/api": {"kind": "APIVersions", "versions": ["v1"]},
    }
    for group_version, names in kinds.items():
        resources = [
            {"name": f"{name.lower()}s", "kind": name, "namespaced": True, "verbs": ["get", "list", "patch"]}
            for name in names
        ]
        path = f"/apis/{group_version}" if "/" in group_version else f"/api/{group_version}"
        answers[path] = {"kind": "APIResourceList", "groupVersion": group_version, "resources": resources}
        if "/" in group_version:
            groups.setdefault(group_version.partition("/")[0], []).append(group_version)
    answers["/apis"] = {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [
            {
                "name": group,
                "versions": [{"groupVersion": item, "version": item.partition("/")[2]} for item in versions],
            }
            for group, versions in groups.items()
        ],
    }
    return answers
