"""A node for each test of this folder, and a place that serves files."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from private_node import PrivateNode, private_node


@pytest.fixture
def node(tmp_path: Path) -> Iterator[PrivateNode]:
    """Yield a node, which shares ``tmp_path / "shared"``; skip where there can be none."""
    if os.geteuid() != 0:
        pytest.skip("needs root: mounts, users and packages are root's")
    (tmp_path / "shared").mkdir()
    (tmp_path / "node").mkdir()
    try:
        with private_node(tmp_path / "node", tmp_path / "shared") as node:
            yield node
    except OSError as error:
        pytest.skip(f"no overlay of this machine's file system: {error}")


@pytest.fixture
def website(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """Serve a folder on the loopback; yield it and its address."""
    folder = tmp_path / "website"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""
