"""The PostgreSQL process of a lab: its cluster, its certificate, its port, its start and its end."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
from contextlib import closing, suppress
from ipaddress import IPv4Address
from pathlib import Path
from pwd import getpwnam

from koprogo_fleet.core.errors import KoprogoError, WaitTimeout
from koprogo_fleet.core.events import Listener, Note, ignore
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab import processes
from koprogo_fleet.lab.commands import run, succeeds
from koprogo_fleet.lab.openbao.tls import Authority

USER = "postgres"
ADMIN = "fleet_admin"
DATABASE = "postgres"
HOME = Path("/var/lib/postgresql")
"""Where the server sees its own directory; Debian's package has made that folder."""

INITDB_SECONDS = 120.0
START_SECONDS = 60.0
STOP_SECONDS = 15.0
PORT_SECONDS = 5.0
"""A process that was just killed keeps its port for a moment."""

# $0 is the server's own directory on the host, $1 where the server sees it.
IN_ITS_OWN_PLACE = f"""\
set -e
mount --bind "$0" "$1"
shift
exec setpriv --reuid={USER} --regid={USER} --clear-groups --no-new-privs --inh-caps=-all -- "$@"
"""
# Whoever is not on TLS is refused.
ACCESS = """\
hostssl all all 0.0.0.0/0 scram-sha-256
"""


class Server:
    """
    The server whose files are in *directory*.

    Args:
        directory: 0700, root's.
        authority: of the lab, which gives the server its certificate.
        address: where it listens.
    """

    def __init__(self, directory: Path, authority: Authority, address: IPv4Address) -> None:
        self._directory = directory
        self._home = directory / "home"
        self.password_file = directory / "admin"
        self._log = directory / "postgres.log"
        self._process_file = process_file(directory)
        self._authority = authority
        self._address = address

    @property
    def port(self) -> int:
        """The same at every start, unless another program has taken it meanwhile."""
        return int((self._directory / "port").read_text())

    def password(self) -> Secret:
        """Return the administrator's password."""
        return Secret(self.password_file.read_text())

    def ensure_cluster(self, programs: Path) -> None:
        """
        Make the databases, unless they are there; what a crash left half made is made anew.

        Raises:
            KoprogoError: initdb failed.
        """
        if self.password_file.exists():
            return
        shutil.rmtree(self._home, ignore_errors=True)
        self._home.mkdir(mode=0o700)
        password = secrets.token_urlsafe(32)
        given = self._home / "password"
        write_atomically(given, password, mode=0o600)
        self._give_to_server(self._home, given)
        how = ("--encoding=UTF8", "--locale=C.UTF-8", "--auth=scram-sha-256", f"--pwfile={HOME / 'password'}")
        run(
            [*self._as_server(), programs / "initdb", f"--pgdata={HOME / 'data'}", f"--username={ADMIN}", *how],
            timeout=INITDB_SECONDS,
        )
        given.unlink()
        write_atomically(self.password_file, password, mode=0o600)

    def ensure_started(self, programs: Path, listener: Listener = ignore) -> None:
        """
        Start the process unless it runs and answers.

        Raises:
            KoprogoError: it ended at once; carries the end of its log.
            WaitTimeout: it lives but does not answer.
        """
        if processes.running(self._process_file) is not None:
            if self._answers(programs):
                return
            listener(Note("PostgreSQL runs but gives no answer; it is started again"))
            stop(self._directory)
        self._start(programs, listener)

        def ready() -> None:
            if processes.running(self._process_file) is None:
                raise KoprogoError(
                    f"PostgreSQL ended at its start:\n{processes.log_tail(self._log)}",
                    next_step=f"read the whole log: {self._log}",
                )
            if not self._answers(programs):
                raise NotYet("pg_isready says no")

        wait_for(
            f"PostgreSQL answers at {self._address}:{self.port}",
            ready,
            seconds=START_SECONDS,
            interval=0.1,
            listener=listener,
            next_step=f"read {self._log}",
        )

    def _start(self, programs: Path, listener: Listener) -> None:
        port = self._choose_port(listener)
        certificate, key = self._authority.issue_server_certificate(
            what="PostgreSQL of the lab", addresses=(self._address,), directory=self._home
        )
        access = self._home / "pg_hba.conf"
        write_atomically(access, ACCESS, mode=0o600)
        self._give_to_server(certificate, key, access)
        self._forget_dead_process()
        settings = {
            "listen_addresses": str(self._address),
            "port": str(port),
            "unix_socket_directories": "",
            "hba_file": str(HOME / access.name),
            "ssl": "on",
            "ssl_cert_file": str(HOME / certificate.name),
            "ssl_key_file": str(HOME / key.name),
            "password_encryption": "scram-sha-256",
            "shared_buffers": "32MB",
            "log_connections": "on",
        }
        given = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        processes.start_daemon(
            [*self._as_server(), programs / "postgres", "-D", HOME / "data", *given],
            process_file=self._process_file,
            log=self._log,
            environment={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        )

    def _as_server(self) -> list[str | Path]:
        """Return what makes a command the server's: its user, and its directory where it looks for it."""
        return [*("unshare", "--mount", "--propagation", "private", "sh", "-c", IN_ITS_OWN_PLACE), self._home, HOME]

    def _answers(self, programs: Path) -> bool:
        return succeeds([programs / "pg_isready", "--quiet", f"--host={self._address}", f"--port={self.port}"])

    def _forget_dead_process(self) -> None:
        """Remove the pid file of a server that was killed: after a reboot, its number may be any other program's."""
        (self._home / "data" / "postmaster.pid").unlink(missing_ok=True)

    def _choose_port(self, listener: Listener) -> int:
        file = self._directory / "port"
        if file.exists():
            try:
                wait_for(f"port {self.port} is free", lambda: self._need_free(self.port), seconds=PORT_SECONDS)
                return self.port
            except WaitTimeout:
                listener(Note(f"another program has port {self.port} of PostgreSQL: it moves to a new one"))
        with closing(socket.socket()) as probe:
            probe.bind((str(self._address), 0))
            port: int = probe.getsockname()[1]
        write_atomically(file, str(port))
        return port

    def _need_free(self, port: int) -> None:
        with closing(socket.socket()) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as the server itself does: TIME_WAIT is free
            try:
                probe.bind((str(self._address), port))
            except OSError as error:
                raise NotYet(f"port {port} is in use") from error

    @staticmethod
    def _give_to_server(*files: Path) -> None:
        user = getpwnam(USER)
        for file in files:
            os.chown(file, user.pw_uid, user.pw_gid)


def process_file(directory: Path) -> Path:
    """Return the file that remembers the process of the server in *directory*."""
    return directory / "postgres.process"


def stop(directory: Path) -> None:
    """Stop the server in *directory*: it ends its clients' connections. What is not running is fine."""
    process = processes.running(process_file(directory))
    if process is not None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGINT)  # SIGTERM alone would wait for the clients
    processes.stop(process_file(directory), seconds=STOP_SECONDS)
