"""A real sshd that knows no key of its users, only the authority that signs them; and ssh(1) to talk to it."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from koprogo_fleet.core.wait import NotYet, wait_for

USER = getpass.getuser()
NODE = "koprogo-server-1"


@dataclass(frozen=True)
class Sshd:
    """A running sshd on a port of 127.0.0.1."""

    port: int
    directory: Path

    def ssh(self, key: Path, certificate: str, known_hosts: str) -> subprocess.CompletedProcess[str]:
        """Run ``echo in`` there by *certificate* alone, with *known_hosts* as all that is known of the node."""
        (self.directory / "certificate").write_text(f"{certificate}\n")
        (self.directory / "known_hosts").write_text(f"{known_hosts}\n")
        options = {
            "IdentitiesOnly": "yes",
            "CertificateFile": self.directory / "certificate",
            "UserKnownHostsFile": self.directory / "known_hosts",
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "HostKeyAlias": NODE,
            "BatchMode": "yes",
        }
        return subprocess.run(
            [
                *("ssh", "-F", "/dev/null", "-i", key, "-p", str(self.port)),
                *(f"-o{name}={value}" for name, value in options.items()),
                *(f"{USER}@127.0.0.1", "echo in"),
            ],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )


def make_key(path: Path) -> str:
    """Make a key pair at *path* and return its public line."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path, "-C", ""], timeout=30, check=True)
    return path.with_suffix(".pub").read_text().strip()


@contextmanager
def certified_sshd(directory: Path, user_ca: str, settings: str = "") -> Iterator[Sshd]:
    """Start sshd with the host key ``host_key`` of *directory*, trusting *user_ca*; end it."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None or os.geteuid() != 0:
        pytest.skip("needs root and sshd (apt-get install openssh-server)")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    (directory / "user_ca").write_text(f"{user_ca}\n")
    (directory / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {directory}/host_key\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"TrustedUserCAKeys {directory}/user_ca\nAuthorizedKeysFile none\nPasswordAuthentication no\n"
        f"KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\n{settings}"
    )
    process = subprocess.Popen([program, "-D", "-E", directory / "log", "-f", directory / "sshd_config"])
    try:
        wait_for("sshd listens", lambda: _answers(port), seconds=10, interval=0.05)
        yield Sshd(port, directory)
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> None:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError as error:
        raise NotYet(str(error)) from error
