"""The byte stream under a connection, which notices that nobody answers any more."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable

import paramiko

KEEPALIVE_SECONDS = 5.0
"""After so long without a byte from the other end it is asked for a sign of life, and again after as long."""
SILENCE_SECONDS = 20.0
"""Another end that says nothing for so long, or takes nothing, is dead."""

_PAUSE_SECONDS = 0.5


class Line:
    """
    A socket to a node, or a channel of the jump host's connection to it, as paramiko uses it.

    Silence is counted in waits that brought nothing, not by a clock: a process that was stopped and goes on finds the
    answers that came meanwhile, and does not take its own absence for the other's.
    """

    def __init__(self, stream: socket.socket | paramiko.Channel) -> None:
        self._stream = stream
        self._ask: Callable[[], None] | None = None
        self._unheard = 0.0
        self._untaken = 0.0
        self._dead = False
        self._closed = False  # paramiko looks at it, as at a socket's

    def watch(self, ask: Callable[[], None]) -> None:
        """From now on call *ask* when the other end is silent, and end the connection when it stays so."""
        self._unheard = 0.0
        self._ask = ask

    def settimeout(self, seconds: float) -> None:  # noqa: ARG002 - paramiko's default wakes every thread too often
        """Let every wait end after a moment, so that silence can be counted."""
        self._stream.settimeout(_PAUSE_SECONDS)

    def recv(self, count: int) -> bytes:
        """Return what has come, or raise TimeoutError after a moment."""
        if isinstance(self._stream, socket.socket):
            # sshd sends small packets by Nagle's rule: each waits for our acknowledgement of the one before, which the
            # kernel likes to delay by 40 ms. The wish for quick ones does not last, so it is said each time.
            self._stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        try:
            data = self._stream.recv(count)
        except TimeoutError:
            self._hear_nothing()
            raise
        self._unheard = 0.0
        return data

    def send(self, data: bytes) -> int:
        """Hand over what can be handed over, or raise TimeoutError after a moment."""
        if self._dead:
            raise self._silence()
        try:
            taken = self._stream.send(data)
        except TimeoutError:
            self._untaken += _PAUSE_SECONDS
            if self._ask and self._untaken >= SILENCE_SECONDS:
                raise self._silence() from None
            raise
        self._untaken = 0.0
        return taken

    def close(self) -> None:
        """End the stream, whatever state it is in; a thread that waits in recv wakes up."""
        self._closed = True
        if isinstance(self._stream, socket.socket):
            with contextlib.suppress(OSError):
                self._stream.shutdown(socket.SHUT_RDWR)
        # Closing a channel says so to the jump host, which may be gone.
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
            self._stream.close()

    def _hear_nothing(self) -> None:
        before, self._unheard = self._unheard, self._unheard + _PAUSE_SECONDS
        if self._ask is None:
            return
        if self._dead or self._unheard >= SILENCE_SECONDS:
            raise self._silence()
        if before // KEEPALIVE_SECONDS != self._unheard // KEEPALIVE_SECONDS:
            self._ask()

    def _silence(self) -> OSError:
        self._dead = True
        # Not ETIMEDOUT: that is Python's TimeoutError, which paramiko takes for the end of one wait.
        return ConnectionAbortedError(errno.ECONNABORTED, f"no sign of life for {SILENCE_SECONDS:.0f} s")
