"""Serving the emulator on the loopback interface, on a port that stays the same."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from koprogo_fleet.core.errors import MissingRequirement
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.lab.ovh_api.app import Emulator

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

HOST = "127.0.0.1"


class _Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"  # keeps connections open, as OVH does

    def connection_dropped(self, _error: BaseException, _environ: WSGIEnvironment | None = None) -> None:
        """End the connection: the application chose not to answer."""
        self.close_connection = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing: the application writes its own log."""


def bind(app: Emulator) -> BaseWSGIServer:
    """
    Return a server for *app*, listening; call its ``serve_forever``.

    The port is chosen free the first time, and kept in the state.

    Raises:
        MissingRequirement: another program has the port.
    """
    with app.state.look() as data:
        port = data["port"]
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:  # werkzeug would print and exit if taken
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port or 0))
            listener.listen()
        except OSError as error:
            raise MissingRequirement(
                f"cannot listen on {HOST} port {port}, which the lab's OVH API had before: {error.strerror}",
                next_step=f"find who has it: ss -ltnp 'sport = :{port}'",
            ) from error
        chosen = int(listener.getsockname()[1])
        server = make_server(HOST, chosen, app, threaded=True, request_handler=_Handler, fd=listener.fileno())
    if port is None:
        with app.state.change() as data:
            data["port"] = chosen
    return server


def url_of(server: BaseWSGIServer) -> str:
    """Return the base URL for clients, as the ``OVH_ENDPOINT``."""
    return f"http://{HOST}:{server.port}/1.0"


def write_endpoint(path: Path, app: Emulator, url: str) -> None:
    """Write what a client needs: the URL and the credentials (0600)."""
    keys = app.state.keys
    endpoint = {
        "url": url,
        "application_key": keys.application_key,
        "application_secret": keys.application_secret.reveal(),
        "consumer_key": keys.consumer_key.reveal(),
        "project_id": keys.project_id,
    }
    write_atomically(path, json.dumps(endpoint, indent=2) + "\n", mode=0o600)
