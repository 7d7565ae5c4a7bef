"""Commands on a real sshd: streams, deadlines, limits, and connections that end."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from real_sshd import Sshd

from koprogo_fleet.core.errors import CommandTimeout, SessionLost
from koprogo_fleet.ssh.session import Completed, Session


def test_streams_and_exit_status(session: Session) -> None:
    """stdout, stderr and the exit status come back apart, byte for byte."""
    completed = session.run(r"printf 'a\000\377'; printf b >&2; exit 3", timeout=10)

    assert completed == Completed(3, b"a\x00\xff", b"b")


def test_stdin_is_whole(session: Session) -> None:
    """A stdin larger than any window arrives whole while the command answers at the same time."""
    data = os.urandom(6 * 1024 * 1024)

    completed = session.run("cat", stdin=io.BytesIO(data), timeout=30, max_output=16 * 1024 * 1024)

    assert completed == Completed(0, data, b"")


def test_command_that_does_not_read(session: Session) -> None:
    """A command that ends without reading its stdin gives its own exit status, not an error of ours."""
    completed = session.run("exit 7", stdin=b"x" * 8_000_000, timeout=60)

    assert completed.exit_status == 7


def test_output_is_bounded(session: Session) -> None:
    """Of a flood the first and the last part are kept, the middle is counted, and both streams are drained."""
    completed = session.run(
        "echo first; head -c 50000000 /dev/zero | tr '\\0' x; echo last; head -c 9000000 /dev/zero >&2",
        timeout=60,
        max_output=1000,
    )

    assert completed.exit_status == 0
    assert completed.stdout.startswith(b"first\nxxx")
    assert completed.stdout.endswith(b"xxxlast\n")
    assert b"\n[49999011 bytes left out here]\n" in completed.stdout
    assert b"[8999000 bytes left out here]" in completed.stderr


def test_never_ending_flood(session: Session) -> None:
    """A command that never stops talking is given up at its deadline, in little memory, and the session still works."""
    begin = time.monotonic()

    with pytest.raises(CommandTimeout, match="within 3 s: yes"):
        session.run("yes >&2 & yes", timeout=3, max_output=1000)

    assert time.monotonic() - begin < 60
    assert session.run("echo on", timeout=60).stdout == b"on\n"


def test_binary_junk(session: Session) -> None:
    """Random bytes on both streams at once arrive as they are."""
    script = "head -c 3000000 /dev/urandom | tee /dev/stderr"

    completed = session.run(script, timeout=60, max_output=1 << 23)

    assert len(completed.stdout) == 3_000_000
    assert completed.stdout == completed.stderr


def test_flood_of_100_megabytes(session: Session) -> None:
    """100 MB are taken in without being kept."""
    completed = session.run("head -c 100000000 /dev/zero", timeout=120, max_output=1000)

    assert len(completed.stdout) < 1100
    assert b"[99999000 bytes left out here]" in completed.stdout


def test_boot_id(session: Session) -> None:
    """The boot id is the kernel's, without the line's end."""
    assert Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip() == session.boot_id()


def test_root_needs_no_sudo(session: Session) -> None:
    """As root a line for sh is run as it is, in English, with its stdin."""
    completed = session.run_as_root("echo $LC_ALL; cat; exit 4", stdin=b"x", timeout=60)

    assert completed == Completed(4, b"C\nx", b"")


def test_timeout_tells_what_was_said(session: Session) -> None:
    """A command that does not end is given up at its deadline, with what it said so far, and the session still works."""
    begin = time.monotonic()

    with pytest.raises(CommandTimeout, match=r"koprogo-server-1: .* within 8 s: echo hello; sleep 60") as caught:
        session.run("echo hello; sleep 60", timeout=8)

    assert time.monotonic() - begin < 50
    assert "stdout: hello" in str(caught.value)
    assert session.run("echo on", timeout=30).stdout == b"on\n"


def test_left_behind_process_is_named(session: Session) -> None:
    """When the command has ended but a process it left keeps its output open, the error says just that."""
    with pytest.raises(CommandTimeout, match="exit status 0, but something it started keeps its output open"):
        session.run("sleep 30 & exit 0", timeout=8)


def test_killed_command_is_unknown(session: Session) -> None:
    """A command that is killed has no exit status: its result is unknown, which is not the same as failed."""
    with pytest.raises(SessionLost, match="without an exit status") as caught:
        session.run("kill -9 $$", timeout=10)

    assert caught.value.temporary
    assert session.is_alive()


def test_lost_in_the_middle(sshd: Sshd, session: Session) -> None:
    """When the connection ends under a running command, the result is unknown, and we know it at once."""
    assert session.is_alive()
    killer = threading.Timer(0.5, sshd.signal_children, (signal.SIGKILL,))
    killer.start()
    begin = time.monotonic()

    with pytest.raises(SessionLost, match="the connection ended in the middle of a command"):
        session.run("sleep 60", timeout=30)

    assert time.monotonic() - begin < 25
    assert not session.is_alive()


def test_stuck_server_is_given_up(sshd: Sshd, session: Session) -> None:
    """A server process that is stopped, and so never answers, cannot hold a command beyond its deadline."""
    sshd.signal_children(signal.SIGSTOP)
    begin = time.monotonic()
    try:
        with pytest.raises((CommandTimeout, SessionLost)):
            session.run("true", timeout=1)
    finally:
        sshd.signal_children(signal.SIGCONT)

    assert time.monotonic() - begin < 60


def test_after_close(session: Session) -> None:
    """A closed session refuses to run, and says so before anything happened."""
    session.close()

    with pytest.raises(SessionLost, match="before the command was started"):
        session.run("true", timeout=5)


def test_parallel_commands(session: Session, tmp_path: Path) -> None:
    """Several threads may run commands on one session at the same time, and each gets its own answer."""
    answers: dict[int, bytes] = {}
    all_here = f"until [ $(ls '{tmp_path}' | wc -l) -eq 8 ]; do sleep 0.1; done"

    def ask(number: int) -> None:
        command = f"touch '{tmp_path}/{number}'; {all_here}; echo {number}"
        answers[number] = session.run(command, timeout=60).stdout

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {number: b"%d\n" % number for number in range(8)} == answers


def test_stdin_is_not_in_argv(session: Session, tmp_path: Path) -> None:
    """What goes through stdin is in no process's argument list."""
    canary = "canary-4711-secret"

    completed = session.run(
        f"cat >{tmp_path}/got; cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '", stdin=canary.encode(), timeout=10
    )

    assert canary == (tmp_path / "got").read_text(encoding="ascii")
    assert canary.encode() not in completed.stdout
