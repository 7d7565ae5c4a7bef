"""A real HTTP server on loopback for a WSGI application; with TLS where a certificate is given."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

Application = Callable[[Request], Response]


class NoAnswer(Exception):
    """The connection ends without an answer."""


class _Handler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 - werkzeug's name
        """Say nothing."""


@contextmanager
def served(application: Application, certificate: tuple[Path, Path] | None = None) -> Iterator[str]:
    """Yield the address (http://127.0.0.1:port) at which *application* answers."""

    @Request.application
    def answering(request: Request) -> Response:
        try:
            return application(request)
        except NoAnswer:
            request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionError from None

    files = tuple(map(str, certificate)) if certificate else None
    server = make_server("127.0.0.1", 0, answering, threaded=True, request_handler=_Handler, ssl_context=files)  # type: ignore[arg-type]  # a pair of paths
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
