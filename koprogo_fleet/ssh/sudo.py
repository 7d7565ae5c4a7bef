"""
Root through sudo: asked for by a prompt of ours, answered once, and the command's stdin is kept apart.

What sudo says, and in which language, plays no part. It asks with a nonce, so that nothing else can look like its
question; and the command says with another that it runs, so that neither the password can end up in the command's stdin
nor the stdin in sudo's hands.
"""

from __future__ import annotations

import secrets
import shlex

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret

_MAX_SAID = 64 * 1024
_STREAMS = "3<&0 4>&1 5>&2 </dev/null >/dev/null 2>&1"


class PasswordRefused(Exception):
    """Raised by :meth:`Sudo.hear` when sudo asks again: the answer was wrong, and no other one is given."""


class Sudo:
    """
    One command as root: the :class:`~koprogo_fleet.ssh.exchange.Prelude` that sudo plays.

    Args:
        password: the answer to sudo's question; without one sudo is told not to ask.
        terminal: give sudo a terminal of its own, as ``requiretty`` wants; the command's streams stay pipes.

    Attributes:
        is_over: the command runs.
        was_asked: sudo has been given the password.

    Raises:
        InputError: the password has a line break or a NUL, which cannot be answered.
    """

    def __init__(self, password: Secret | None, *, terminal: bool = False) -> None:
        if password and set(password.reveal()) & {"\n", "\r", "\0"}:
            raise InputError("the sudo password has a line break or a NUL: no prompt can be answered so")
        self.is_over = False
        self.was_asked = False
        self._password = password
        self._terminal = terminal
        self._prompt = f"[{secrets.token_hex(16)}]"
        # In two halves: a sudo that refuses may show the whole command, which must not look like its start.
        self._halves = secrets.token_hex(8), secrets.token_hex(8)
        self._said = b""

    def command(self, command: str) -> str:
        """Return the command line that runs *command*, a line for sh, as root and with messages in English."""
        started = f"printf %s%s {self._halves[0]} {self._halves[1]} >&2; {command}"
        asking = f"-S -p {shlex.quote(self._prompt)}" if self._password else "-n"
        line = f"LC_ALL=C LANGUAGE=C sudo {asking} env LC_ALL=C sh -c {shlex.quote(started)}"
        if self._terminal:
            line = f"SHELL=/bin/sh script -qec {shlex.quote(f'{line} <&3 >&4 2>&5')} /dev/null {_STREAMS}"
        return f"sh -c {shlex.quote(line)}"

    def hear(self, data: bytes) -> tuple[bytes, bytes]:
        """
        Take what came on stderr before the command runs; return what of it is the command's own, and what to answer.

        Raises:
            PasswordRefused: sudo asks a second time.
        """
        self._said += data
        before, started, own = self._said.partition("".join(self._halves).encode())
        if started:
            self.is_over = True
            self._said = b""
            return own, b""
        before, prompt, after = self._said.partition(self._prompt.encode())
        self._said = (before + after)[-_MAX_SAID:]
        if not prompt:
            return b"", b""
        if self._password is None or self.was_asked:
            raise PasswordRefused
        self.was_asked = True
        return b"", self._password.reveal().encode() + b"\n"

    @property
    def said(self) -> str:
        """What sudo said instead of running the command."""
        return self._said.decode(errors="replace").strip()
