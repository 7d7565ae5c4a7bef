"""S3 over TLS on loopback, for the users and buckets of the OVH emulator."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab.openbao.tls import Authority
from koprogo_fleet.lab.ovh_api.state import State
from koprogo_fleet.lab.s3.binary import rclone
from koprogo_fleet.lab.s3.buckets import keep_in_step


@contextmanager
def s3(state: State, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the endpoint, and the file of its authority. Start it anew after a change: rclone remembers who may come in."""
    with state.look() as data:
        keep_in_step(folder / "s3", data)
    authority = Authority(folder)
    certificate, key = authority.issue_server_certificate()
    asked = folder / "asked"
    asked.write_text(f"#!/bin/sh\nexec {sys.executable} -m koprogo_fleet.lab.s3.proxy {state.path} {folder / 's3'}\n")
    asked.chmod(0o700)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "rclone.log"
    arguments: list[str | Path] = [
        "--addr",
        f"127.0.0.1:{port}",
        "--cert",
        certificate,
        "--key",
        key,
        "--auth-proxy",
        asked,
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [rclone(), "serve", "s3", "--config", "/dev/null", *arguments], stdout=output, stderr=output
        )

    def listens() -> None:
        if process.poll() is not None:
            raise AssertionError(log.read_text())
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)):
                raise NotYet("nobody listens")

    try:
        wait_for("rclone serves S3", listens, seconds=30, interval=0.05)
        yield f"127.0.0.1:{port}", str(authority.certificate_path)
    finally:
        process.terminate()
        process.wait(10)
