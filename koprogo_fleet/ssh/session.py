"""A connection to one node, on which commands run with a deadline."""

from __future__ import annotations

import secrets
import shlex
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from io import BytesIO

import paramiko

from koprogo_fleet.core.errors import CommandTimeout, LoginRefused, SessionLost
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.ssh.exchange import Completed, Exchange, Prelude, Readable
from koprogo_fleet.ssh.failures import command_failed
from koprogo_fleet.ssh.sudo import PasswordRefused, Sudo
from koprogo_fleet.ssh.transport import FleetTransport
from koprogo_fleet.ssh.tunnel import forward

__all__ = ["MAX_OUTPUT", "Completed", "Session"]

MAX_OUTPUT = 4 * 1024 * 1024
_CHANNEL_SECONDS = 15.0
_PROBE_SECONDS = 5.0


class Session:
    """
    One authenticated connection to the node *host* (its inventory name), as *user*.

    Commands may run on it from several threads. It never reconnects by itself: a command that was running when the
    connection ended has an unknown result, and only the caller knows how to look again. A node that falls silent is
    given up within 30 s, whatever runs.
    """

    def __init__(self, host: str, user: str, transport: FleetTransport, sudo_password: Secret | None = None) -> None:
        self.host = host
        self.user = user
        self._transport = transport
        self._sudo_password = sudo_password
        self._sudo_wants_terminal = False

    def run(
        self, command: str, *, stdin: bytes | Readable = b"", timeout: float, max_output: int = MAX_OUTPUT
    ) -> Completed:
        """
        Run *command* in the user's login shell and wait until it ends.

        What that shell itself says before, on stdout, is not the command's and is left out.

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
        return self._run(command, command, stdin, timeout, max_output)

    def run_as_root(
        self, command: str, *, stdin: bytes | Readable = b"", timeout: float, max_output: int = MAX_OUTPUT
    ) -> Completed:
        """
        Run *command*, a line for sh, as root and with messages in English: as :meth:`run`, through sudo if need be.

        The password is given to sudo alone, and once: a wrong one is not tried again, so that nobody is locked out.
        *stdin* is read by nobody but the command.

        Raises:
            LoginRefused: sudo does not run it; nothing was done.
            CommandTimeout, SessionLost: as :meth:`run`.
            InputError: the password cannot be typed.
        """
        if self.user == "root":
            return self._run(f"LC_ALL=C sh -c {shlex.quote(command)}", command, stdin, timeout, max_output)
        deadline = time.monotonic() + timeout
        said = ""
        for terminal in (True,) if self._sudo_wants_terminal else (False, True):
            sudo = Sudo(self._sudo_password, terminal=terminal)
            left = max(deadline - time.monotonic(), 0)
            try:
                completed = self._run(sudo.command(command), command, stdin, left, max_output, sudo)
            except PasswordRefused:
                raise self._no_root(sudo, "refuses the password", sudo.said) from None
            if sudo.is_over:
                self._sudo_wants_terminal = terminal
                return completed
            if sudo.was_asked:  # never twice: it may be the password, and failed tries are counted
                raise self._no_root(sudo, "refuses the password, or the command", sudo.said)
            said = said or sudo.said or f"exit status {completed.exit_status}"
        raise self._no_root(sudo, "does not run commands as root", said)

    @contextmanager
    def forward(self, host: str, port: int, renew: Callable[[], Session] | None = None) -> Generator[int]:
        """
        Let *host*:*port*, as seen from the node, be reached at the yielded port of 127.0.0.1.

        Once this session cannot lead there any more, the one that *renew* returns does.
        """

        def renewed() -> FleetTransport:
            return (renew or (lambda: self))()._transport  # noqa: SLF001 - of our own class

        with forward(self._transport, host, port, renewed if renew else None) as local_port:
            yield local_port

    def boot_id(self, *, timeout: float = 10) -> str:
        """
        Return what the kernel calls this boot: another one after each restart.

        Raises:
            CommandFailed: the node has no such file.
            CommandTimeout, SessionLost: as :meth:`run`.
        """
        completed = self.run("cat /proc/sys/kernel/random/boot_id", timeout=timeout)
        if completed.exit_status:
            raise command_failed(self.host, "read the boot id", completed)
        return completed.stdout.decode(errors="replace").strip()

    def is_alive(self) -> bool:
        """Ask the node for a sign of life, and wait at most 5 s for it."""
        return self._transport.answers(_PROBE_SECONDS)

    def close(self) -> None:
        """End the connection and everything that runs on it."""
        self._transport.close()

    def _run(  # noqa: PLR0913, PLR0917 - as run, and what comes before
        self,
        line: str,
        what: str,
        stdin: bytes | Readable,
        timeout: float,
        max_output: int,
        prelude: Prelude | None = None,
    ) -> Completed:
        deadline = time.monotonic() + timeout
        channel = self._open_channel(min(timeout, _CHANNEL_SECONDS))
        mark = secrets.token_hex(16)
        readable = BytesIO(stdin) if isinstance(stdin, bytes) else stdin
        try:
            exchange = Exchange(channel, readable, max_output, mark.encode(), prelude)
            self._transport.start_command(channel, f"printf %s {mark}; {line}")
            return exchange.finish(deadline)
        except (paramiko.SSHException, EOFError, OSError) as error:
            if isinstance(error, TimeoutError) or time.monotonic() > deadline:
                raise self._too_slow(what, timeout, told=str(error)) from error
            raise self._lost(what) from error
        finally:
            with suppress(OSError, EOFError, paramiko.SSHException):  # the connection may be ending
                channel.close()

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

    def _no_root(self, sudo: Sudo, what: str, said: str) -> LoginRefused:
        asked = "another password is needed" if sudo.was_asked else "no password is given where sudo wants one"
        return LoginRefused(
            self.host,
            f"sudo {what} of {self.user}" + (f": {said}" if said else ""),
            cause=f"{asked}, or {self.user} may not use sudo (any more)",
            next_step=f"ssh {self.host} sudo -l; the password is the connection extra sudo_password",
        )

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


def _shorten(command: str) -> str:
    line = " ".join(command.split())
    return line if len(line) <= 100 else f"{line[:99]}…"  # noqa: PLR2004 - fits on a line
