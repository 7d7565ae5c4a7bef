"""Serving the buckets: rclone on port 443 of the lab's gateway, under a certificate for the names of OVH's S3."""

from __future__ import annotations

import hashlib
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Sequence
from ipaddress import IPv4Address

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.lab.openbao.tls import Authority
from koprogo_fleet.lab.ovh_api import catalogue
from koprogo_fleet.lab.ovh_api.state import Record, State
from koprogo_fleet.lab.paths import LabPaths
from koprogo_fleet.lab.s3.binary import rclone
from koprogo_fleet.lab.s3.buckets import keep_in_step
from koprogo_fleet.lab.s3.names import ZONE, Names

PORT = 443
AGAIN_SECONDS = 5.0
STOP_SECONDS = 5.0
_log = logging.getLogger(__name__)


def names_of_s3() -> tuple[str, ...]:
    """Return the names of every storage region's S3, by themselves and below a bucket's name."""
    regions = sorted({region.rstrip("0123456789").lower() for region in catalogue.STORAGE_REGIONS})
    return tuple(name for region in regions for name in (f"s3.{region}.{ZONE}", f"*.s3.{region}.{ZONE}"))


class ObjectStorage:
    """
    Serves the buckets of *state*, as soon as there is one, until :meth:`close`.

    rclone is started anew when users, keys, policies or buckets change: it remembers for minutes who may see what.

    Args:
        state: watched for changes.
        paths: of the lab, for the buckets' files, the state's and the certificate.
        address: the lab's gateway.
        resolvers: of this host, for the nodes' other questions.
    """

    def __init__(self, state: State, paths: LabPaths, address: IPv4Address, resolvers: Sequence[IPv4Address]) -> None:
        self._state = state
        self._paths = paths
        self._address = address
        self._process: subprocess.Popen[bytes] | None = None
        self._served = ""
        self._changed = threading.Event()
        self._closed = False
        self._names = _names(address, resolvers)
        self._changed.set()
        state.watch(self._changed.set)
        self._thread = threading.Thread(target=self._work, name="lab-s3", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it; the buckets stay."""
        self._closed = True
        self._changed.set()
        self._thread.join()
        self._stop()
        if self._names:
            self._names.close()

    def _work(self) -> None:
        while not self._closed:
            self._changed.wait(AGAIN_SECONDS)
            self._changed.clear()
            try:
                self._follow()
            except (KoprogoError, OSError):
                _log.exception("the lab's S3")

    def _follow(self) -> None:
        with self._state.look() as data:
            keep_in_step(self._paths.buckets, data)
            wanted = _digest(data) if data["containers"] else ""
        runs = self._process is not None and self._process.poll() is None
        if self._closed or (wanted == self._served and runs == bool(wanted)):
            return
        self._stop()
        if wanted:
            self._start()
        self._served = wanted

    def _start(self) -> None:
        program = rclone()
        certificate, key = Authority(self._paths.authority).issue_server_certificate(names_of_s3(), "S3 of the lab")
        proxy = [sys.executable, "-m", "koprogo_fleet.lab.s3.proxy", str(self._state.path), str(self._paths.buckets)]
        asked = self._paths.root / "s3-proxy"
        asked.write_text(f"#!/bin/sh\nexec {' '.join(proxy)}\n")
        asked.chmod(0o700)
        with self._paths.s3_log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL", "--", program, "serve", "s3", "--config", "/dev/null"),
                    *("--addr", f"{self._address}:{PORT}", "--cert", certificate, "--key", key),
                    *("--auth-proxy", asked, "--dir-cache-time", "1s", "--no-cleanup"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _names(address: IPv4Address, resolvers: Sequence[IPv4Address]) -> Names | None:
    try:
        return Names(address, resolvers)
    except OSError as error:  # the nodes ask the host's resolvers then, and do not find the lab's S3
        _log.warning("no name server at %s: %s; the nodes do not find the lab's S3", address, error)
        return None


def _digest(data: Record) -> str:
    parts = {name: data[name] for name in ("containers", "users", "s3_credentials")}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
