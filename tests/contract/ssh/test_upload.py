"""Files to a real sshd."""

from __future__ import annotations

import hashlib
import os
import signal
import stat
import threading
import time
from pathlib import Path

import pytest
from real_sshd import Sshd

from koprogo_fleet.core.errors import CommandFailed, InputError, SessionLost
from koprogo_fleet.ssh.session import Session
from koprogo_fleet.ssh.upload import push_file


@pytest.fixture
def artefact(tmp_path: Path) -> tuple[Path, str]:
    """Return a file of 20 MB and its sha256."""
    content = os.urandom(20_000_000)
    path = tmp_path / "artefact"
    path.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


def test_upload_once(sshd: Sshd, session: Session, artefact: tuple[Path, str], tmp_path: Path) -> None:
    """A file arrives whole, with its mode, in one command; the second time it is not sent again."""
    local, sha256 = artefact
    remote = tmp_path / "new dir" / "it's"
    commands = sshd.commands()

    assert push_file(session, local, str(remote), mode="0755", sha256=sha256, timeout=60)

    assert sshd.commands() - commands == 1
    assert local.read_bytes() == remote.read_bytes()
    assert stat.S_IMODE(remote.stat().st_mode) == 0o755
    assert list(remote.parent.iterdir()) == [remote]
    assert not push_file(session, local, str(remote), mode="0755", sha256=sha256, timeout=60)
    assert push_file(session, local, str(remote), mode="0700", sha256=sha256, timeout=60)
    assert stat.S_IMODE(remote.stat().st_mode) == 0o700


def test_progress(session: Session, artefact: tuple[Path, str], tmp_path: Path) -> None:
    """Progress grows up to the size of the file; an observer that raises ends the upload, and the old file stays."""
    local, sha256 = artefact
    seen: list[tuple[int, int]] = []
    remote = tmp_path / "remote"

    def observe(sent: int, total: int) -> None:
        seen.append((sent, total))

    assert push_file(session, local, str(remote), mode="0644", sha256=sha256, timeout=60, progress=observe)

    assert seen == sorted(seen)
    assert seen[-1] == (20_000_000, 20_000_000)
    assert len(seen) > 100

    def stop(sent: int, total: int) -> None:
        raise KeyboardInterrupt(sent, total)

    other = tmp_path / "other"
    with pytest.raises(KeyboardInterrupt):
        push_file(session, local, str(other), mode="0644", sha256=sha256, timeout=60, progress=stop)
    assert session.run("echo on", timeout=60).stdout == b"on\n"
    assert not other.exists()


def test_wrong_checksum_leaves_the_old_file(session: Session, artefact: tuple[Path, str], tmp_path: Path) -> None:
    """A file that is not what its checksum promises never gets its name; the error shows both sums."""
    local, sha256 = artefact
    remote = tmp_path / "remote"
    remote.write_text("old", encoding="ascii")

    with pytest.raises(InputError, match=f"{sha256}.*, expected {'0' * 64}"):
        push_file(session, local, str(remote), mode="0755", sha256="0" * 64, timeout=60)

    assert remote.read_text(encoding="ascii") == "old"
    assert sorted(tmp_path.iterdir()) == [local, remote]


def test_no_space_is_found_before(session: Session, tmp_path: Path) -> None:
    """A file that is larger than the free space is not sent, and the full disk is named."""
    local = tmp_path / "huge"
    with local.open("wb") as file:
        file.truncate(1 << 43)
    begin = time.monotonic()

    with pytest.raises(CommandFailed, match="kB are needed in") as caught:
        push_file(session, local, str(tmp_path / "remote"), mode="0644", sha256="0" * 64, timeout=60)

    assert caught.value.cause == "the disk is full"
    assert time.monotonic() - begin < 60


def test_lost_upload_leaves_the_old_file(sshd: Sshd, session: Session, tmp_path: Path) -> None:
    """When the connection ends in the middle of an upload, the old file stays."""
    remote = tmp_path / "remote"
    remote.write_text("old", encoding="ascii")
    assert session.is_alive()
    killer = threading.Timer(0.15, sshd.signal_children, (signal.SIGKILL,))
    killer.start()

    with pytest.raises(SessionLost):
        push_file(session, Path("/dev/zero"), str(remote), mode="0644", sha256="0" * 64, timeout=60)

    assert remote.read_text(encoding="ascii") == "old"


def test_missing_local_file(session: Session, tmp_path: Path) -> None:
    """A file that is not there is the user's mistake."""
    with pytest.raises(InputError, match=r"cannot read .*/nothing"):
        push_file(session, tmp_path / "nothing", "/tmp/x", mode="0644", sha256="0" * 64, timeout=5)  # noqa: S108
