"""A real sshd: its own keys, its own port of the loopback."""

from __future__ import annotations

import contextlib
import getpass
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.ssh.connection import Login
from koprogo_fleet.ssh.host_keys import HostKey, KnownHosts, make_host_key
from koprogo_fleet.ssh.user_keys import ensure_private_key

NODE = "koprogo-server-1"


@dataclass(frozen=True)
class Sshd:
    """A running sshd, and how to log in to it."""

    login: Login
    host_key: HostKey
    pid: int
    log: Path

    def logins(self) -> int:
        """Return how many connections were authenticated."""
        return self.log.read_text(encoding="utf-8").count("Accepted publickey")

    def commands(self) -> int:
        """Return how many commands were started."""
        return self.log.read_text(encoding="utf-8").count("Starting session: command")

    def children(self) -> list[int]:
        """Return the processes that serve connections."""
        text = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii")
        return [int(pid) for pid in text.split()]

    def signal_children(self, number: signal.Signals) -> None:
        """Send a signal to every process that serves a connection."""
        for pid in self.children():
            with contextlib.suppress(ProcessLookupError):  # it ended by itself meanwhile
                os.kill(pid, number)


def no_settings(directory: Path) -> str:
    """Return no further lines for sshd_config."""
    del directory
    return ""


@contextmanager
def running_sshd(
    program: str, directory: Path, settings: Callable[[Path], str] = no_settings, mode: int = 0o700
) -> Iterator[Sshd]:
    """
    Start sshd with its files in *directory*, and end it.

    *settings* is given the directory, with the host key in it, and returns lines for sshd_config; *mode* is the
    directory's, which other users than root must be able to enter when they log in.
    """
    directory.chmod(mode)
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    host_key, port = make_host_key(), free_port()
    (directory / "host_key").write_text(host_key.private_pem.reveal(), encoding="ascii")
    (directory / "host_key").chmod(0o600)
    (directory / "host_key.pub").write_text(host_key.public_line, encoding="ascii")
    (directory / "authorized_keys").write_text(ensure_private_key(directory / "id_ed25519"), encoding="ascii")
    (directory / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {directory}/host_key\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {directory}/authorized_keys\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        f"KbdInteractiveAuthentication no\nMaxStartups 100\nLogLevel VERBOSE\n{settings(directory)}\n",
        encoding="ascii",
    )
    KnownHosts(directory / "known_hosts").put(NODE, host_key.public_line, ["127.0.0.1"])
    log = directory / "log"
    process = subprocess.Popen([program, "-D", "-E", log, "-f", directory / "sshd_config"])
    try:
        wait_for("sshd listens", lambda: _answers(port), seconds=10, interval=0.05)
        login = Login(
            host=NODE,
            address="127.0.0.1",
            port=port,
            user=getpass.getuser(),
            known_hosts=directory / "known_hosts",
            private_key=directory / "id_ed25519",
        )
        yield Sshd(login, host_key, process.pid, log)
    finally:
        process.terminate()
        process.wait(10)


def sshd_program() -> str:
    """Return where sshd is, or skip the test."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None or os.geteuid() != 0:
        pytest.skip("needs root and sshd (apt-get install openssh-server)")
    return program


def free_port() -> int:
    """Return a port of the loopback on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _answers(port: int) -> None:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError as error:
        raise NotYet(str(error)) from error
