"""Networks that swallow everything, and say nothing."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from io import BytesIO

import pytest
from real_sshd import NODE, Sshd, running_sshd, sshd_program

from koprogo_fleet.core.errors import SessionLost
from koprogo_fleet.ssh.connection import connect
from koprogo_fleet.ssh.host_keys import KnownHosts
from koprogo_fleet.ssh.session import Session

FOUND_WITHIN = 30.0
"""Seconds in which a silent end must be noticed."""


@contextmanager
def stopped(sshd: Sshd) -> Iterator[None]:
    """Stop the processes that serve connections: TCP goes on, SSH is silent."""
    sshd.signal_children(signal.SIGSTOP)
    try:
        yield
    finally:
        sshd.signal_children(signal.SIGCONT)


@contextmanager
def dropped(sshd: Sshd) -> Iterator[None]:
    """Drop every packet to and from the server's port."""
    table = f"koprogo_test_{secrets.token_hex(4)}"
    port = sshd.login.port
    hook = "type filter hook input priority 0"
    rules = f"{hook}\n tcp dport {port} drop\n tcp sport {port} drop\n"
    command = ["nft", f"table inet {table} {{\n chain input {{\n {rules} }}\n }}"]
    subprocess.run(command, check=True, timeout=60)
    try:
        yield
    finally:
        subprocess.run(["nft", "delete", "table", "inet", table], check=True, timeout=60)


def lose(session: Session, silence: AbstractContextManager[None], stdin: bytes = b"") -> float:
    """Let a command run into the silence; return how long it took to notice it."""
    assert session.is_alive()
    entered: list[float] = []
    over = threading.Event()

    def fall_silent() -> None:
        with silence:
            entered.append(time.monotonic())
            over.wait(60)

    timer = threading.Timer(1, fall_silent)
    timer.start()
    try:
        with pytest.raises(SessionLost, match="ended in the middle of a command"):
            session.run("sleep 90", stdin=BytesIO(stdin), timeout=120)
        return time.monotonic() - entered[0]
    finally:
        over.set()
        timer.join()
        session.close()


def a_stopped_server(node: Sshd, _: Sshd) -> float:
    """The server's process is stopped."""
    return lose(connect(node.login), stopped(node))


def dropped_packets(node: Sshd, _: Sshd) -> float:
    """No packet arrives any more."""
    return lose(connect(node.login), dropped(node))


def more_to_send(node: Sshd, _: Sshd) -> float:
    """The server stops while we have more to send than the network takes."""
    return lose(connect(node.login), stopped(node), os.urandom(8_000_000))


def through(inner: Sshd, outer: Sshd) -> Session:
    """Connect to one sshd through the other."""
    known = KnownHosts(outer.log.parent / "both")
    known.put("bastion", outer.host_key.public_line)
    known.put(NODE, inner.host_key.public_line)
    jump = replace(outer.login, host="bastion", known_hosts=known.path)
    return connect(replace(inner.login, known_hosts=known.path, jump=jump))


def a_node_behind_a_jump_host(node: Sshd, bastion: Sshd) -> float:
    """The node is silent; the jump host, whose TCP acknowledges everything, is not."""
    return lose(through(node, bastion), stopped(node))


def a_jump_host(node: Sshd, bastion: Sshd) -> float:
    """The jump host is silent."""
    return lose(through(node, bastion), stopped(bastion))


SILENCES = (a_stopped_server, dropped_packets, more_to_send, a_node_behind_a_jump_host, a_jump_host)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """Measure all silences at the same time, each with two sshd of its own: the seconds until each was noticed."""
    program = sshd_program()
    if shutil.which("nft") is None:
        pytest.skip("needs nftables")

    def measure(silence: Callable[[Sshd, Sshd], float]) -> float:
        first, second = (tmp_path_factory.mktemp("sshd") for _ in range(2))
        with running_sshd(program, first) as node, running_sshd(program, second) as bastion:
            return silence(node, bastion)

    with ThreadPoolExecutor(len(SILENCES)) as pool:
        return dict(zip((silence.__name__ for silence in SILENCES), pool.map(measure, SILENCES), strict=True))


@pytest.mark.parametrize("silence", [silence.__name__ for silence in SILENCES])
def test_silence_is_noticed(measured: dict[str, float], silence: str) -> None:
    """Whatever falls silent under a running command is given up within 30 s, and not before 10."""
    assert 10 < measured[silence] < FOUND_WITHIN


def test_quiet_command_is_not_silence(session: Session) -> None:
    """A command that says nothing for longer than that is waited for: the node answers in between."""
    assert session.run("sleep 24", timeout=60).exit_status == 0


def test_reset(session: Session, sshd: Sshd) -> None:
    """A connection that is reset under a running command is known to be lost at once."""
    assert session.is_alive()
    reset = ["ss", "-K", "dport", "=", str(sshd.login.port)]
    timer = threading.Timer(1, subprocess.run, (reset,), {"check": True, "timeout": 10, "stdout": subprocess.DEVNULL})
    timer.start()
    begin = time.monotonic()

    with pytest.raises(SessionLost, match="ended in the middle of a command"):
        session.run("sleep 60", timeout=50)

    assert time.monotonic() - begin < 40
    timer.join()
