"""The key that we log in with."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.ssh.user_keys import ensure_private_key, load_private_key


def test_made_once(tmp_path: Path) -> None:
    """The first call makes a key that only its owner can read; the next ones return the same public line."""
    path = tmp_path / "state" / "id_ed25519"

    public_line = ensure_private_key(path)

    assert public_line.startswith("ssh-ed25519 AAAA")
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert public_line == ensure_private_key(path)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
def test_keys_of_openssh(tmp_path: Path, kind: str) -> None:
    """Keys that ssh-keygen made are understood."""
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True, timeout=30)

    assert ensure_private_key(path) == " ".join((tmp_path / "key.pub").read_text(encoding="ascii").split()[:2])


def test_passphrase(tmp_path: Path) -> None:
    """A key with a passphrase is refused, with the way to use it all the same."""
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", path], check=True, timeout=30)

    with pytest.raises(InputError, match="protected by a passphrase") as caught:
        load_private_key(path)

    assert "ssh-add" in str(caught.value.next_step)


def test_not_a_key(tmp_path: Path) -> None:
    """A file that is no key, or a directory, is the user's mistake."""
    (tmp_path / "text").write_text("hello", encoding="ascii")

    for path in (tmp_path / "text", tmp_path):
        with pytest.raises(InputError):
            load_private_key(path)
