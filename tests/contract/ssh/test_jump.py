"""Nodes behind a jump host: two real sshd, one connection to the first."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from real_sshd import NODE, Sshd, free_port, running_sshd, sshd_program

from koprogo_fleet.core.errors import HostKeyMismatch, InputError, KoprogoError, LoginRefused, SessionLost, Unreachable
from koprogo_fleet.ssh.connection import FleetSsh, Login, connect
from koprogo_fleet.ssh.host_keys import KnownHosts, make_host_key
from koprogo_fleet.ssh.user_keys import ensure_private_key


@pytest.fixture
def bastion(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """Start a second sshd."""
    with running_sshd(sshd_program(), tmp_path_factory.mktemp("bastion")) as bastion:
        yield bastion


@pytest.fixture
def behind(sshd: Sshd, bastion: Sshd, tmp_path: Path) -> Login:
    """Return the login to the node through the bastion, both known in one file."""
    known = KnownHosts(tmp_path / "known_hosts")
    known.put("bastion", bastion.host_key.public_line)
    known.put(NODE, sshd.host_key.public_line)
    jump = replace(bastion.login, host="bastion", known_hosts=known.path)
    return replace(sshd.login, known_hosts=known.path, jump=jump)


def jump_of(login: Login) -> Login:
    """Return the login to the jump host."""
    assert login.jump is not None
    return login.jump


def test_all_nodes_share_one_connection(behind: Login, bastion: Sshd) -> None:
    """Twenty sessions made at once cost the jump host one login, and the last to leave closes it."""
    with ThreadPoolExecutor(20) as pool:
        sessions = list(pool.map(connect, [behind] * 20))
        answers = list(pool.map(lambda session: session.run("echo $SSH_CONNECTION", timeout=60).exit_status, sessions))

    assert [0] * 20 == answers
    assert bastion.logins() == 1
    for session in sessions[1:]:
        session.close()
        session.close()
    assert sessions[0].is_alive()
    sessions[0].close()
    for _ in range(100):
        if not bastion.children():
            break
        time.sleep(0.05)
    assert bastion.children() == []


def test_closed_connection_is_made_anew(behind: Login, bastion: Sshd) -> None:
    """After the last user has left, the next one logs in to the jump host again."""
    for count in (1, 2):
        session = connect(behind)
        session.close()
        assert bastion.logins() == count


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
def test_dead_jump_connection_is_not_lent(behind: Login, bastion: Sshd, number: signal.Signals) -> None:
    """When the connection to the jump host has died, or answers no more, the next node gets a new one."""
    first = connect(behind)
    bastion.signal_children(number)
    stopped = bastion.children()
    try:
        begin = time.monotonic()
        second = connect(behind)
        assert time.monotonic() - begin < 60
        assert second.run("echo on", timeout=60).stdout == b"on\n"
        assert not first.is_alive()
        second.close()
        first.close()
    finally:
        if stopped:
            bastion.signal_children(signal.SIGCONT)
    assert bastion.logins() == 2


def test_both_host_keys_are_checked(behind: Login, bastion: Sshd) -> None:
    """A jump host or a node with another key is refused by its own name."""
    known = KnownHosts(behind.known_hosts)
    right = known.get(NODE)
    assert right is not None
    known.put(NODE, make_host_key().public_line)
    with pytest.raises(HostKeyMismatch, match=f"^{NODE}: "):
        connect(behind)

    known.put(NODE, right)
    known.put("bastion", make_host_key().public_line)
    logins = bastion.logins()
    with pytest.raises(HostKeyMismatch, match=r"^bastion: "):
        connect(behind)
    assert logins == bastion.logins()


def test_node_that_does_not_answer(behind: Login, bastion: Sshd) -> None:
    """A node that the jump host cannot reach is unreachable by its own name, and the jump host is let go."""
    with pytest.raises(Unreachable, match=f"^{NODE}: cannot connect to .* from the jump host bastion: ") as caught:
        connect(replace(behind, port=free_port()))

    assert caught.value.temporary
    for _ in range(100):
        if not bastion.children():
            break
        time.sleep(0.05)
    assert bastion.children() == []


def test_jump_host_that_is_down(behind: Login) -> None:
    """All who wait for a jump host that does not answer learn it at the same time, each by an error of its own kind."""
    down = replace(behind, jump=replace(jump_of(behind), port=free_port()))

    def attempt(login: Login) -> KoprogoError:
        with pytest.raises(Unreachable, match=r"^bastion: .*Connection refused") as caught:
            connect(login)
        return caught.value

    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(attempt, [down] * 8))) == 8


def test_jump_host_that_refuses_us(behind: Login, tmp_path: Path) -> None:
    """A refused login says that it was the jump host."""
    ensure_private_key(tmp_path / "other")

    with pytest.raises(LoginRefused, match=r"^bastion: "):
        connect(replace(behind, jump=replace(jump_of(behind), private_key=tmp_path / "other")))


def test_jump_dies_in_the_middle(behind: Login, bastion: Sshd) -> None:
    """When the jump host's connection ends under a running command, its result is unknown at once."""
    session = connect(behind)
    assert session.is_alive()
    killer = threading.Timer(1, bastion.signal_children, (signal.SIGKILL,))
    killer.start()
    begin = time.monotonic()

    with pytest.raises(SessionLost, match="ended in the middle"):
        session.run("sleep 60", timeout=50)

    assert time.monotonic() - begin < 40
    session.close()


def test_by_nornir_extras(behind: Login, sshd: Sshd) -> None:
    """The extra jump is a mapping; what it does not say is as for the node."""
    jump = jump_of(behind)
    plugin = FleetSsh()

    plugin.open(
        sshd.login.address,
        sshd.login.user,
        None,
        sshd.login.port,
        None,
        {
            "host_key_alias": NODE,
            "known_hosts": str(behind.known_hosts),
            "private_key": str(sshd.login.private_key),
            "jump": {
                "host": "bastion",
                "address": "127.0.0.1",
                "port": jump.port,
                "private_key": str(jump.private_key),
            },
        },
    )

    assert len(plugin.connection.boot_id()) == 36
    plugin.close()


@pytest.mark.parametrize(
    ("extras", "reason"),
    [
        ({"known_hosts": "x", "jumphost": "y"}, "unknown extra of fleet_ssh: jumphost"),
        ({"known_hosts": "x", "jump": {"adress": "y"}}, "unknown key of the extra jump of fleet_ssh: adress"),
        ({"known_hosts": "x", "jump": {"port": 22}}, "neither an address nor a host"),
        ({}, "gives no known_hosts"),
    ],
)
def test_mistakes_in_the_extras(extras: dict[str, object], reason: str) -> None:
    """A misspelt extra is a mistake, not a connection without a jump host."""
    with pytest.raises(InputError, match=reason):
        FleetSsh().open("127.0.0.1", "root", None, 22, None, extras)
