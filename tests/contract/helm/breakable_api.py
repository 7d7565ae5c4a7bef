"""A way to an API server that breaks: connections are cut, and refused for some seconds."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import yaml

AWAY_SECONDS = 3.0


@contextmanager
def breakable(kubeconfig: Path, folder: Path) -> Iterator[tuple[Path, threading.Event]]:
    """Yield a kubeconfig that leads through a proxy on loopback, and the event that breaks it, once."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    target = urlsplit(cluster["server"])
    proxy = _Proxy((str(target.hostname), int(target.port or 443)))
    cluster["server"] = f"https://127.0.0.1:{proxy.port}"
    path = folder / "kubeconfig-breakable"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config))
    with proxy:
        yield path, proxy.breaking


class _Proxy:
    def __init__(self, target: tuple[str, int]) -> None:
        self.breaking = threading.Event()
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self._ended = threading.Event()
        self._back = threading.Event()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._accept, self._break)]

    def __enter__(self) -> None:
        for thread in self._threads:
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self.breaking.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._cut()
        for thread in self._threads:
            thread.join()

    def _break(self) -> None:
        self.breaking.wait()
        self._cut()
        self._ended.wait(AWAY_SECONDS)
        self._back.set()

    def _cut(self) -> None:
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._open.clear()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self.breaking.is_set() and not self._back.is_set():
                client.close()
                continue
            server = socket.create_connection(self._target, timeout=10)
            server.settimeout(None)
            self._open += [client, server]
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
