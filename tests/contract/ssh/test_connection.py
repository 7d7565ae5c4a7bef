"""Connecting: host keys, logins, and servers that do not behave."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from real_sshd import NODE, Sshd, free_port

from koprogo_fleet.core.errors import HostKeyMismatch, InputError, LoginRefused, Unreachable
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.ssh.connection import Login, connect, shown_host_key
from koprogo_fleet.ssh.host_keys import KnownHosts, fingerprint, key_blob, make_host_key
from koprogo_fleet.ssh.user_keys import ensure_private_key


@contextmanager
def server(answer: bytes | None) -> Iterator[int]:
    """Listen on the yielded port; answer with these bytes and hang up, or with None say nothing and hold the line."""
    held = []

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            if answer is None:
                held.append(connection)
                continue
            with connection:
                connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in held:
                connection.close()


def test_known_key_is_accepted(sshd: Sshd) -> None:
    """With the right key on both sides there is a session."""
    session = connect(sshd.login)

    assert session.is_alive()
    assert session.host == NODE
    session.close()
    assert not session.is_alive()


def test_unknown_host_key_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    """A node whose key we do not know is not logged in to; the error shows its fingerprint."""
    logins = sshd.logins()

    with pytest.raises(HostKeyMismatch) as caught:
        connect(replace(sshd.login, known_hosts=tmp_path / "known_hosts"))

    assert fingerprint(key_blob(sshd.host_key.public_line)) in str(caught.value)
    assert "none is known" in str(caught.value)
    assert logins == sshd.logins()


def test_other_host_key_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    """A node that shows another key than ours is not logged in to; the error shows both and what to do."""
    known = make_host_key()
    KnownHosts(tmp_path / "known_hosts").put(NODE, known.public_line)

    with pytest.raises(HostKeyMismatch) as caught:
        connect(replace(sshd.login, known_hosts=tmp_path / "known_hosts"))

    for key in (known, sshd.host_key):
        assert fingerprint(key_blob(key.public_line)) in str(caught.value)
    assert f"ssh-keygen -R {NODE}" in str(caught.value.next_step)


def test_no_other_type_of_key_is_accepted(sshd: Sshd, tmp_path: Path) -> None:
    """A server that has no key of the type we know is refused: an attacker cannot choose a weaker type."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", tmp_path / "ecdsa"], check=True, timeout=30)
    public_line = (tmp_path / "ecdsa.pub").read_text(encoding="ascii")
    KnownHosts(tmp_path / "known_hosts").put(NODE, public_line)

    with pytest.raises(HostKeyMismatch, match="no host key of the type that we know: ecdsa-sha2-nistp256 SHA256:"):
        connect(replace(sshd.login, known_hosts=tmp_path / "known_hosts"))


def test_openssh_reads_our_known_hosts(sshd: Sshd) -> None:
    """The file that we write serves OpenSSH's own client, by the same alias."""
    login = sshd.login
    argv = ["ssh", "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={login.known_hosts}", "-o", f"HostKeyAlias={NODE}"]
    argv += ["-o", "StrictHostKeyChecking=yes", "-F", "none", "-i", str(login.private_key), "-p", str(login.port)]

    completed = subprocess.run(
        [*argv, f"{login.user}@127.0.0.1", "echo in"], capture_output=True, check=False, timeout=30
    )

    assert completed.stdout == b"in\n"


def test_refused_login_names_user_and_key(sshd: Sshd, tmp_path: Path) -> None:
    """A key that the node does not know is refused, and the error names user, key and the command to look with."""
    ensure_private_key(tmp_path / "other")

    with pytest.raises(LoginRefused, match=r"refuses the login of root with the key SHA256:\S+ \(.*/other\)") as caught:
        connect(replace(sshd.login, private_key=tmp_path / "other"))

    assert "ssh -v" in str(caught.value.next_step)


def test_password_is_used_only_without_key_and_never_shown(sshd: Sshd) -> None:
    """A password that the server does not take is a refused login, and is not in the error."""
    with pytest.raises(LoginRefused) as caught:
        connect(replace(sshd.login, private_key=None, password=Secret("pass-canary")))

    assert "pass-canary" not in f"{caught.value!r} {caught.value.__cause__!r}"


def test_nothing_to_log_in_with(sshd: Sshd) -> None:
    """Without key, password and agent nothing is tried."""
    with pytest.raises(InputError, match="neither a private key nor a password"):
        connect(replace(sshd.login, private_key=None))


def test_empty_agent(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent without keys is a refused login that says how many keys were tried."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)

    with pytest.raises(LoginRefused, match="none of the 0 keys of the SSH agent"):
        connect(replace(sshd.login, private_key=None, use_agent=True))


def test_nothing_listens(sshd: Sshd) -> None:
    """A closed port is unreachable, for now."""
    with pytest.raises(Unreachable, match="Connection refused") as caught:
        connect(replace(sshd.login, port=free_port()))

    assert caught.value.temporary


def test_name_that_does_not_resolve(sshd: Sshd) -> None:
    """A name without an address is unreachable, and the error says that it is the name."""
    with pytest.raises(Unreachable) as caught:
        connect(replace(sshd.login, address="node.invalid"))

    assert caught.value.cause == "the name does not resolve"


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"Not allowed at this time\r\n"])
def test_not_an_ssh_server(sshd: Sshd, answer: bytes) -> None:
    """Whatever else listens there, or hangs up, is unreachable, with a reason."""
    with server(answer) as port, pytest.raises(Unreachable, match="no SSH session can be negotiated"):
        connect(replace(sshd.login, port=port))


def test_silent_server(sshd: Sshd) -> None:
    """A server that accepts and says nothing is given up at a deadline."""
    with server(None) as port, pytest.raises(Unreachable, match="no SSH session can be negotiated"):
        connect(replace(sshd.login, port=port, login_timeout=0.5))


def test_nothing_is_printed(sshd: Sshd, capfd: pytest.CaptureFixture[str]) -> None:
    """A connection that fails prints nothing: not even paramiko's own traceback."""
    with server(b"junk\r\n") as port, pytest.raises(Unreachable):
        connect(replace(sshd.login, port=port))

    assert tuple(capfd.readouterr()) == ("", "")


def test_private_key_that_is_none(sshd: Sshd, tmp_path: Path) -> None:
    """A missing or damaged private key is the user's mistake, with its path."""
    (tmp_path / "damaged").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", encoding="ascii")

    for name in ("missing", "damaged"):
        with pytest.raises(InputError, match=name):
            connect(replace(sshd.login, private_key=tmp_path / name))


def test_login_shows_no_password() -> None:
    """A login can be logged."""
    login = Login("a", "b", 22, "c", Path("d"), password=Secret("pass-canary"))

    assert "pass-canary" not in repr(login)


def test_shown_host_key(sshd: Sshd) -> None:
    """What answers can be asked for its key without a login, whatever key is known."""
    logins = sshd.logins()

    assert key_blob(sshd.host_key.public_line) == key_blob(shown_host_key(sshd.login))
    assert logins == sshd.logins()
