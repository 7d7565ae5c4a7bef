"""A chart repository over HTTP, and an OCI registry that gives tokens to everybody: what a fetch talks to."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import yaml

LAYER = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
TOKEN = "for-everybody"


@contextmanager
def serving(answers: Mapping[str, bytes], *, token: bool = False) -> Iterator[str]:
    """Serve these paths, and yield host and port; with *token*, only to who shows the one that /token gives."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/token":
                self._send(200, json.dumps({"token": TOKEN}).encode())
            elif token and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self.send_response(401)
                realm = f'Bearer realm="http://{self.headers["Host"]}/token",service="test",scope="pull"'
                self.send_header("WWW-Authenticate", realm)
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self._send(200, answers[path]) if path in answers else self._send(404, b"")

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def repository(name: str, version: str, archive: bytes) -> dict[str, bytes]:
    """Return what a chart repository serves below /charts/."""
    entry = {"name": name, "version": version, "urls": [f"{name}-{version}.tgz"]}
    index = yaml.safe_dump({"apiVersion": "v1", "entries": {name: [entry]}})
    return {"/charts/index.yaml": index.encode(), f"/charts/{name}-{version}.tgz": archive}


def registry(path: str, tag: str, archive: bytes) -> dict[str, bytes]:
    """Return what an OCI registry serves of one chart."""
    digest = f"sha256:{hashlib.sha256(archive).hexdigest()}"
    manifest = {"schemaVersion": 2, "layers": [{"mediaType": LAYER, "digest": digest, "size": len(archive)}]}
    return {f"/v2/{path}/manifests/{tag}": json.dumps(manifest).encode(), f"/v2/{path}/blobs/{digest}": archive}
