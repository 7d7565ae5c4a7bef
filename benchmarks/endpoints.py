"""Many SSH endpoints on this machine: one real sshd, at many addresses of the loopback, each with a directory of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bed import COMMAND, LOGIN, Served, write_access
from benchmarks.work import Access, Target
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.ssh.host_keys import make_host_key
from koprogo_fleet.ssh.user_keys import ensure_private_key

# A mount namespace of its own, in which root's login shell is plain sh and its home is empty: what the benchmark
# measures does not depend on the profile of whoever runs it, and nothing of this machine is changed.
_START = 'mount --make-rprivate / && mount --bind "$1" /etc/passwd && exec "$2" -D -E "$3" -f "$4"'


@dataclass(frozen=True)
class Endpoints:
    """Implements :class:`~benchmarks.bed.Bed`."""

    targets: tuple[Target, ...]
    access: Access
    log: Path
    sshd_config: str = ""

    def run(self, scripts: Mapping[str, str]) -> Mapping[str, str]:
        """Run the scripts here, where the endpoints' directories are."""
        return {name: _sh(script) for name, script in scripts.items()}

    def served(self) -> Served:
        """Count in sshd's log."""
        text = self.log.read_text(encoding="utf-8")
        return Served(text.count(LOGIN), text.count(COMMAND))


@contextmanager
def endpoints(count: int, directory: Path) -> Iterator[Endpoints]:
    """Start sshd for *count* endpoints with its files in *directory*; end it."""
    directory.mkdir(mode=0o700)
    private_key, home, host_key, port = directory / "id_ed25519", directory / "home", make_host_key(), _free_port()
    home.mkdir()
    (directory / "authorized_keys").write_text(ensure_private_key(private_key), encoding="ascii")
    (directory / "host_key").write_text(host_key.private_pem.reveal(), encoding="ascii")
    (directory / "host_key").chmod(0o600)
    (directory / "passwd").write_text(_passwd(home), encoding="utf-8")
    (directory / "sshd_config").write_text(
        f"ListenAddress 0.0.0.0:{port}\nHostKey {directory}/host_key\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {directory}/authorized_keys\nPasswordAuthentication no\nPermitRootLogin prohibit-password\n"
        "KbdInteractiveAuthentication no\nMaxStartups 1000\nMaxSessions 100\nUseDNS no\nLogLevel VERBOSE\n"
        "Subsystem sftp internal-sftp\n"
        "Match Address *,!127.0.0.0/8\nPubkeyAuthentication no\n",
        encoding="ascii",
    )
    targets = tuple(
        Target(
            name=f"endpoint-{number + 1}",
            address=f"127.1.{number // 250}.{number % 250 + 1}",
            port=port,
            user="root",
            host_key=host_key.public_line,
            directory=f"{directory}/endpoints/{number + 1}",
        )
        for number in range(count)
    )
    bed = Endpoints(targets, write_access(directory, private_key, targets), directory / "log")
    files = (directory / "passwd", _sshd(), bed.log, directory / "sshd_config")
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    process = subprocess.Popen(["unshare", "--mount", "sh", "-c", _START, "sh", *files])
    try:
        wait_for("sshd listens", lambda: _answers(targets[0]), seconds=10, interval=0.05)
        yield bed
    finally:
        process.terminate()
        process.wait(10)


def _passwd(home: Path) -> str:
    lines = Path("/etc/passwd").read_text(encoding="utf-8").splitlines()
    others = [line for line in lines if not line.startswith("root:")]
    return "\n".join([f"root:x:0:0:root:{home}:/bin/sh", *others, ""])


def _sshd() -> Path:
    return Path(shutil.which("sshd") or "/usr/sbin/sshd")


def _sh(script: str) -> str:
    return subprocess.run(["sh", "-s"], input=script, capture_output=True, text=True, check=True, timeout=60).stdout


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def _answers(target: Target) -> None:
    try:
        socket.create_connection((target.address, target.port), timeout=1).close()
    except OSError as error:
        raise NotYet(str(error)) from error
