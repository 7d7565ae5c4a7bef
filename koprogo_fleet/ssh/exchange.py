"""One command on its channel: what it reads is fed to it, what it says is kept within limits."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from typing import Protocol

import paramiko

_CHUNK = 32 * 1024
_MAX_BEFORE = 64 * 1024
_WINDOW_FULL_SECONDS = 0.005


@dataclass(frozen=True)
class Completed:
    """What a command that ended left: bytes, because a node may say anything."""

    exit_status: int
    stdout: bytes
    stderr: bytes


class Readable(Protocol):
    """A file as far as a command's stdin needs it."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most *size*; none at the end."""


class Prelude(Protocol):
    """What has to be said before the command itself runs; until then it gets none of its stdin."""

    @property
    def is_over(self) -> bool:
        """Whether the command runs."""

    def hear(self, data: bytes) -> tuple[bytes, bytes]:
        """Take what came on stderr; return what of it is the command's own, and what to answer."""


class Exchange:
    """
    The talk with a command that was started on *channel*.

    Args:
        channel: the command's; used by nobody else.
        stdin: what the command reads.
        max_output: bytes kept of each stream.
        mark: what is on stdout where the command's own begins.
        prelude: what comes before the command, if anything does.
    """

    def __init__(
        self, channel: paramiko.Channel, stdin: Readable, max_output: int, mark: bytes, prelude: Prelude | None = None
    ) -> None:
        self._channel = channel
        self._begin = _Begin(mark)
        self._feed = _Feed(channel, stdin)
        self._prelude = prelude
        self._out, self._err = _Capture(max_output), _Capture(max_output)
        self._bell = _Bell()
        channel.settimeout(0)
        channel.in_buffer.set_event(self._bell)
        channel.in_stderr_buffer.set_event(self._bell)

    def finish(self, deadline: float) -> Completed:
        """
        Talk until the command has ended, or until *deadline* (of time.monotonic).

        Raises:
            TimeoutError: it did not end; the text says what it said so far.
            EOFError: its end came without an exit status.
        """
        while (left := deadline - time.monotonic()) > 0:
            self._bell.reset()
            out, err = self._hear()
            if out == err == b"":
                if not self._channel.status_event.wait(left):
                    break
                if self._channel.exit_status == -1:
                    raise EOFError
                self._out.add(self._begin.missed())
                return Completed(self._channel.exit_status, self._out.kept(), self._err.kept())
            pause = self._feed.advance() if self._prelude is None or self._prelude.is_over else math.inf
            if not out and not err:
                self._bell.wait(min(pause, left))
        raise TimeoutError(self._so_far())

    def _hear(self) -> tuple[bytes | None, bytes | None]:
        """Take what has come on both streams: bytes, none of them at a stream's end, or None for nothing yet."""
        err = _take(self._channel.recv_stderr)
        if err and self._prelude is not None and not self._prelude.is_over:
            own, answer = self._prelude.hear(err)
            self._err.add(own)
            if answer:
                self._channel.sendall(answer)
        elif err:
            self._err.add(err)
        out = _take(self._channel.recv)
        if out:
            self._out.add(self._begin.after(out))
        return out, err

    def _so_far(self) -> str:
        self._out.add(self._begin.missed())
        told = ""
        if self._channel.status_event.is_set():
            told += (
                f"; it ended with exit status {self._channel.exit_status}, "
                "but something it started keeps its output open"
            )
        for label, capture in (("stdout", self._out), ("stderr", self._err)):
            if tail := capture.kept().decode(errors="replace").strip().splitlines()[-5:]:
                told += f"\n  {label}: " + "\n          ".join(tail)
        return told


class _Take(Protocol):
    def __call__(self, nbytes: int, /) -> bytes: ...


def _take(receive: _Take) -> bytes | None:
    try:
        return receive(_CHUNK)
    except TimeoutError:
        return None


class _Bell(threading.Event):
    """
    Rings when either stream has something new.

    paramiko clears an event when the buffer that it belongs to is empty; here the other one may not be.
    """

    def clear(self) -> None:
        """Not paramiko's to clear."""

    def reset(self) -> None:
        super().clear()


class _Feed:
    """Sends a file to a command as fast as the command reads it, never waiting for it to do so."""

    def __init__(self, channel: paramiko.Channel, file: Readable) -> None:
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
        return math.inf if self._ended else _WINDOW_FULL_SECONDS


class _Begin:
    """
    Finds where the command begins to speak: a login shell may have said something before (``.bashrc``).

    Where the mark never comes, no command was run, and all is the login shell's: it says why.
    """

    def __init__(self, mark: bytes) -> None:
        self._mark: bytes | None = mark
        self._before = b""

    def after(self, data: bytes) -> bytes:
        """Take what came; return what of it is the command's own."""
        if self._mark is None:
            return data
        self._before += data
        _, found, own = self._before.partition(self._mark)
        if found:
            self._mark, self._before = None, b""
            return own
        self._before = self._before[-_MAX_BEFORE:]
        return b""

    def missed(self) -> bytes:
        """Return what is still held back, now that nothing more comes."""
        held, self._before = self._before, b""
        return held


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
