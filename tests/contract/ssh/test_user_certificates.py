"""Logging in with a short-lived certificate instead of a key that every node knows."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from real_sshd import Sshd, running_sshd, sshd_program

from koprogo_fleet.core.errors import InputError, LoginRefused
from koprogo_fleet.ssh.connection import Login, connect
from koprogo_fleet.ssh.user_keys import ensure_private_key


@pytest.fixture(scope="module")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """Start an sshd that trusts an authority for its users."""

    def trust(directory: Path) -> str:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / "ca"], check=True, timeout=30)
        return f"TrustedUserCAKeys {directory}/ca.pub"

    with running_sshd(sshd_program(), tmp_path_factory.mktemp("trusting"), trust) as sshd:
        yield sshd


@pytest.fixture(params=[("ed25519",), ("ecdsa",), ("rsa", "-b", "2048")], ids=lambda kind: kind[0])
def key(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Make a user's key that no node knows."""
    path = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", *request.param, "-N", "", "-f", path], check=True, timeout=30)
    return path


def certified(sshd: Sshd, key: Path, principal: str, validity: str = "-1m:+10m") -> Login:
    """Have the authority sign the key; return a login with both."""
    authority = sshd.log.parent / "ca"
    argv = ["ssh-keygen", "-q", "-s", authority, "-I", "test", "-n", principal, "-V", validity, f"{key}.pub"]
    subprocess.run(argv, check=True, timeout=30)
    return replace(sshd.login, private_key=key, certificate=key.with_name("key-cert.pub"))


def test_certificate_opens_the_door(trusting: Sshd, key: Path) -> None:
    """A key that the node does not know is let in with its certificate, as a file and as text."""
    login = certified(trusting, key, trusting.login.user)
    assert isinstance(login.certificate, Path)

    for certificate in (login.certificate, login.certificate.read_text(encoding="ascii")):
        session = connect(replace(login, certificate=certificate))
        assert session.is_alive()
        session.close()

    with pytest.raises(LoginRefused):
        connect(replace(login, certificate=None))


@pytest.mark.parametrize("key", [("ed25519",)], indirect=True)
def test_refused_certificate_is_explained(trusting: Sshd, key: Path) -> None:
    """The error says for whom and until when the certificate is, because the node does not."""
    with pytest.raises(LoginRefused) as caught:
        connect(certified(trusting, key, "somebody", "-2h:-1h"))

    assert "for somebody, until" in str(caught.value.cause)
    assert "koprogo-fleet inventory sync" in str(caught.value.next_step)


def test_a_node_that_does_not_trust_the_authority_yet(trusting: Sshd, sshd: Sshd) -> None:
    """A node that knows the key itself lets it in although the certificate that comes first means nothing to it."""
    ours = sshd.login.private_key
    assert ours is not None
    public_line = ensure_private_key(ours)
    ours.with_suffix(".pub").write_text(public_line)
    certified(trusting, ours, trusting.login.user)

    session = connect(replace(sshd.login, certificate=ours.with_name(f"{ours.name}-cert.pub")))

    assert b"in\n" == session.run("echo in", timeout=60).stdout
    session.close()


@pytest.mark.parametrize("key", [("ed25519",)], indirect=True)
def test_certificate_of_another_key(trusting: Sshd, key: Path) -> None:
    """A certificate that is for another key, or none at all, is the user's mistake."""
    login = certified(trusting, key, "root")
    damaged = key.with_name("damaged")
    damaged.write_text("hello", encoding="ascii")

    with pytest.raises(InputError, match="for another key"):
        connect(replace(login, private_key=trusting.login.private_key))
    with pytest.raises(InputError, match="not a certificate"):
        connect(replace(login, certificate=damaged))
    with pytest.raises(InputError, match="a plain public key"):
        connect(replace(login, certificate=key.with_name("key.pub")))
    with pytest.raises(InputError, match="cannot read the certificate"):
        connect(replace(login, certificate=key.with_name("nothing")))


@pytest.mark.parametrize("key", [("ed25519",)], indirect=True)
def test_renewed_certificate_is_read_again(trusting: Sshd, key: Path) -> None:
    """A certificate that is renewed during a run is used from the next connection on."""
    with pytest.raises(LoginRefused):
        connect(certified(trusting, key, "somebody"))

    connect(certified(trusting, key, trusting.login.user)).close()


def test_agent(sshd: Sshd, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The user's agent logs in, without the key file."""
    address = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", address], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(address))
        while not address.exists():
            os.sched_yield()
        subprocess.run(["ssh-add", "-q", str(sshd.login.private_key)], check=True, timeout=30)

        connect(replace(sshd.login, private_key=None, use_agent=True)).close()
    finally:
        agent.terminate()
        agent.wait(10)
