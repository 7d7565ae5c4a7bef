"""What a certificate says, read from certificates that ssh-keygen made."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.ssh_certificate import SshCertificate, read_certificate


def keygen(*arguments: str | Path) -> None:
    """Run ssh-keygen."""
    subprocess.run(["ssh-keygen", "-q", *arguments], timeout=30, check=True)


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa"])
def test_terms(tmp_path: Path, kind: str) -> None:
    """Key, authority, names and times are those that it was signed with."""
    for name in ("ca", "key"):
        keygen("-t", kind, "-N", "", "-C", "comment", "-f", tmp_path / name)
    keygen("-s", tmp_path / "ca", "-I", "test", "-h", "-n", "one,two", "-V", "-1m:+29m", tmp_path / "key.pub")
    now = time.time()

    terms = read_certificate((tmp_path / "key-cert.pub").read_text())

    key, authority = ((tmp_path / f"{name}.pub").read_text().rsplit(maxsplit=1)[0] for name in ("key", "ca"))
    assert (key, authority, frozenset({"one", "two"})) == (terms.key, terms.authority, terms.principals)
    assert 1800 == terms.ends - terms.begins
    assert now - 65 < terms.begins < now - 55


@pytest.mark.parametrize(("now", "lasts"), [(0, True), (200, True), (201, False), (300, False), (400, False)])
def test_lasts_until_a_third_is_left(now: float, lasts: bool) -> None:  # noqa: FBT001 - expected value
    """Of 300 seconds the last hundred do not count any more."""
    assert lasts == SshCertificate("key", "authority", frozenset(), 0, 300).lasts(now)


@pytest.mark.parametrize("text", ["", "hello", "ssh-ed25519-cert-v01@openssh.com AAAA", "a\nb"])
def test_none(text: str) -> None:
    """What is no certificate is said to be none."""
    with pytest.raises(InputError, match="not a certificate"):
        read_certificate(text)


def test_plain_key(tmp_path: Path) -> None:
    """A plain public key is named as such."""
    keygen("-t", "ed25519", "-N", "", "-f", tmp_path / "key")

    with pytest.raises(InputError, match="plain public key"):
        read_certificate((tmp_path / "key.pub").read_text())
