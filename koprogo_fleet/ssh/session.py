"""A connection to one node, on which commands run with a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO

import paramiko

from koprogo_fleet.core.errors import CommandTimeout, SessionLost
from koprogo_fleet.ssh.tunnel import forward

MAX_OUTPUT = 4 * 1024 * 1024
_CHANNEL_SECONDS = 15.0
_PROBE_SECONDS = 5.0
_CHUNK = 32 * 1024
_IDLE_SECONDS = 0.1
_WINDOW_FULL_SECONDS = 0.005
_GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class Completed:
    """What a command that ended left: bytes, because a node may say anything."""

    exit_status: int
    stdout: bytes
    stderr: bytes


class Session:
    """
    One authenticated connection to the node *host* (its inventory name), as *user*.

    Commands may run on it from several threads. It never reconnects by itself: a command that was running when the
    connection ended has an unknown result, and only the caller knows how to look again.
    """

    def __init__(self, host: str, user: str, transport: paramiko.Transport) -> None:
        self.host = host
        self.user = user
        self._transport = transport

    def run(
        self, command: str, *, stdin: bytes | BinaryIO = b"", timeout: float, max_output: int = MAX_OUTPUT
    ) -> Completed:
        """
        Run *command* in the user's login shell and wait until it ends.

        Args:
            command: visible to every user of the node (``ps``): secrets go through *stdin*.
            stdin: all that the command can read; its end is the end of the file.
            timeout: seconds from now to the end of the command.
            max_output: bytes kept of each stream. Of more, the first and the last half are kept, with a line between
                them that says how much was left out.

        Raises:
            CommandTimeout: it did not end in time. It may go on; wrap it in ``timeout`` if it must not.
            SessionLost: the connection, or the command, ended without an exit status: the result is unknown.
        """
        deadline = time.monotonic() + timeout
        channel = self._open_channel(min(timeout, _CHANNEL_SECONDS))
        # paramiko waits without a limit in places (the reply to exec, a full socket); this ends such a wait.
        watchdog = threading.Timer(timeout + _GRACE_SECONDS, self._abort, (channel,))
        watchdog.daemon = True
        watchdog.start()
        try:
            channel.exec_command(command)
            return self._talk(channel, BytesIO(stdin) if isinstance(stdin, bytes) else stdin, deadline, max_output)
        except (paramiko.SSHException, EOFError, OSError) as error:
            if isinstance(error, TimeoutError) or time.monotonic() > deadline:
                raise self._too_slow(command, timeout, told=str(error)) from error
            raise self._lost(command) from error
        finally:
            watchdog.cancel()
            channel.close()

    @contextmanager
    def forward(self, host: str, port: int) -> Generator[int]:
        """Let *host*:*port*, as seen from the node, be reached at the yielded port of 127.0.0.1."""
        with forward(self._transport, host, port) as local_port:
            yield local_port

    def as_root(self, command: str) -> str:
        """Return *command* so that it runs as root, with messages in English; the command must not be a list of several."""
        return f"LC_ALL=C {command}" if self.user == "root" else f"sudo -n env LC_ALL=C {command}"

    def is_alive(self) -> bool:
        """Ask the node for a sign of life, and wait at most 5 s for it."""
        if not self._transport.is_active():
            return False
        try:
            self._transport.open_session(timeout=_PROBE_SECONDS).close()
        except (paramiko.SSHException, EOFError, OSError):
            return False
        return True

    def close(self) -> None:
        """End the connection and everything that runs on it."""
        self._transport.close()

    def _open_channel(self, seconds: float) -> paramiko.Channel:
        try:
            return self._transport.open_session(timeout=seconds)
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise SessionLost(
                self.host,
                "the connection ended before the command was started",
                cause="the node was restarted, or the network between us changed",
                next_step="run the same again: it connects anew",
            ) from error

    def _talk(self, channel: paramiko.Channel, stdin: BinaryIO, deadline: float, max_output: int) -> Completed:
        feed = _Feed(channel, stdin)
        out, err = _Capture(max_output), _Capture(max_output)
        output_ended = False
        while not (output_ended and channel.exit_status_ready()):
            if time.monotonic() > deadline:
                raise TimeoutError(_so_far(channel, out, err))
            pause = feed.advance()
            if output_ended:
                channel.status_event.wait(pause)
                continue
            channel.settimeout(pause)
            output_ended = _drain(channel, out, err)
        if channel.exit_status == -1:
            raise EOFError
        return Completed(channel.exit_status, out.kept(), err.kept())

    def _too_slow(self, command: str, seconds: float, told: str) -> CommandTimeout:
        return CommandTimeout(
            self.host,
            f"the command did not end within {seconds:.0f} s: {_shorten(command)}{told}",
            next_step=f"look at what it waits for: ssh {self.host} ps -ef --forest",
        )

    def _lost(self, command: str) -> SessionLost:
        what = _shorten(command)
        if self.is_alive():
            return SessionLost(
                self.host,
                f"the command ended without an exit status, its result is unknown: {what}",
                cause="it was killed by a signal (out of memory?), or sshd refuses to run commands",
                next_step=f"look at the node's log: ssh {self.host} journalctl -n 50",
            )
        return SessionLost(
            self.host,
            f"the connection ended in the middle of a command, its result is unknown: {what}",
            cause="the node was restarted, sshd was stopped, or the network between us broke",
            next_step="run the same again: it connects anew and looks before it changes anything",
        )

    def _abort(self, channel: paramiko.Channel) -> None:
        self._transport.close()
        channel.event.set()


class _Feed:
    """Sends a file to a command as fast as the command reads it, never blocking."""

    def __init__(self, channel: paramiko.Channel, file: BinaryIO) -> None:
        self._channel = channel
        self._file = file
        self._pending = b""
        self._ended = False

    def advance(self) -> float:
        """Send what can be sent now; return how many seconds to wait for output before the next call."""
        while not self._ended and self._channel.send_ready():
            self._pending = self._pending or self._file.read(_CHUNK)
            if not self._pending:
                self._channel.shutdown_write()
                self._ended = True
                break
            try:
                sent = self._channel.send(self._pending)
            except OSError:  # the command ended without reading everything: its exit status tells more
                sent = 0
            if not sent:
                self._ended = True
            self._pending = self._pending[sent:]
            if self._channel.recv_ready() or self._channel.recv_stderr_ready():
                return 0.0
        return _IDLE_SECONDS if self._ended else _WINDOW_FULL_SECONDS


class _Capture:
    """Keeps the beginning and the end of a stream, whatever its length."""

    def __init__(self, limit: int) -> None:
        self._half = limit // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._left_out = 0

    def add(self, data: bytes) -> None:
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        if len(self._tail) > 2 * self._half:
            self._trim()

    def kept(self) -> bytes:
        self._trim()
        if not self._left_out:
            return bytes(self._head + self._tail)
        return b"%s\n[%d bytes left out here]\n%s" % (self._head, self._left_out, self._tail)

    def _trim(self) -> None:
        excess = max(0, len(self._tail) - self._half)
        del self._tail[:excess]
        self._left_out += excess


def _drain(channel: paramiko.Channel, out: _Capture, err: _Capture) -> bool:
    """Wait for output as long as the channel's timeout says, keep it, and return whether both streams have ended."""
    while channel.recv_stderr_ready():
        err.add(channel.recv_stderr(_CHUNK))
    try:
        data = channel.recv(_CHUNK)
    except TimeoutError:
        return False
    out.add(data)
    if data:
        return False
    channel.settimeout(_IDLE_SECONDS)
    while rest := channel.recv_stderr(_CHUNK):
        err.add(rest)
    return True


def _so_far(channel: paramiko.Channel, out: _Capture, err: _Capture) -> str:
    told = ""
    if channel.status_event.is_set():
        told += f"; it ended with exit status {channel.exit_status}, but something it started keeps its output open"
    for label, capture in (("stdout", out), ("stderr", err)):
        if tail := capture.kept().decode(errors="replace").strip().splitlines()[-5:]:
            told += f"\n  {label}: " + "\n          ".join(tail)
    return told


def _shorten(command: str) -> str:
    line = " ".join(command.split())
    return line if len(line) <= 100 else f"{line[:99]}…"  # noqa: PLR2004 - fits on a line
