"""Changing an expired password in the terminal that sshd opens for nothing else, by nornir-netmiko."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from tempfile import NamedTemporaryFile
from typing import Any

from netmiko.exceptions import NetmikoAuthenticationException, NetmikoTimeoutException
from nornir.core.configuration import Config
from nornir.core.inventory import Host

from koprogo_fleet.core.errors import CommandFailed, HostKeyMismatch, LoginRefused, Unreachable
from koprogo_fleet.core.secret import Secret, redact
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.hosts.first_login.dialogue import answers, is_question, last_line

NETMIKO = "netmiko"

SSH_PORT = 22
CONNECT_SECONDS = 10
QUIET_SECONDS = 0.3
"""A question is followed by silence; a message by the next one."""


def change_password(  # noqa: PLR0913, PLR0917 - who, where, and the two passwords
    host: Host, configuration: Config, host_key: str, current: Secret, new: Secret, seconds: float
) -> None:
    """
    Log in with *current* and answer the questions of ``passwd``, until it ends and the password is *new*.

    Args:
        host: the Nornir host; netmiko is told its address, user and port.
        configuration: Nornir's.
        host_key: the public line that it must show, or *current* is not sent.
        current: the password that must be changed.
        new: the one to have.
        seconds: for each question, and for the end.

    Raises:
        HostKeyMismatch: the key is unknown or another one.
        LoginRefused: *current* is not the password.
        Unreachable: there is no connection, or it ended.
        WaitTimeout: no question came.
        CommandFailed: ``passwd`` failed, or did not take *new*.
    """
    with NamedTemporaryFile("w", encoding="ascii", prefix="koprogo-known-hosts-") as known_hosts:
        # A file of its own: netmiko looks hosts up by address, and cannot read a line of @cert-authority.
        known_hosts.write(f"{host.hostname},[{host.hostname}]:{host.port or SSH_PORT} {host_key}\n")
        known_hosts.flush()
        with _terminal(host, configuration, known_hosts.name, current, new) as terminal:
            conversation = _Conversation(host.name, terminal, (current, new), seconds)
            conversation.hold(answers(terminal.username, current, new))


@contextmanager
def _terminal(host: Host, configuration: Config, known_hosts: str, current: Secret, new: Secret) -> Generator[Any]:
    # netmiko sends an empty line to begin with, which passwd would take for an answer: it is made unconnected, and
    # then only connected. Its debug log masks what it knows as password and secret.
    host.open_connection(
        NETMIKO,
        configuration,
        password=current.reveal(),
        platform="terminal_server",
        extras={
            "auto_connect": False,
            "secret": new.reveal(),
            "ssh_strict": True,
            "alt_host_keys": True,
            "alt_key_file": known_hosts,
            "conn_timeout": CONNECT_SECONDS,
        },
    )
    try:
        terminal = host.connections[NETMIKO].connection
        _connect(host.name, terminal)
        yield terminal
    finally:
        host.close_connection(NETMIKO)


def _connect(host: str, terminal: Any) -> None:
    try:
        terminal.establish_connection()
    except NetmikoAuthenticationException:
        # Not chained: netmiko's error goes into Nornir's log, and says no more.
        raise LoginRefused(host, f"refuses the password of {terminal.username}") from None
    except NetmikoTimeoutException as error:
        said = " ".join(str(error).split())
        if "known_hosts" in said or "Host key" in said:  # paramiko's two refusals, which netmiko calls a timeout
            raise HostKeyMismatch(
                host,
                f"no password was sent to {terminal.host}, whose host key is not the known one: {said}",
                cause="another machine answers at this address (or in between)",
                next_step="do not log in there, and find out what answers",
            ) from error
        raise Unreachable(host, f"netmiko gets no terminal: {said}") from error


class _Conversation:
    """Listens until the other side is silent, and answers its questions, one after the other."""

    def __init__(self, host: str, terminal: Any, secrets: Sequence[Secret], seconds: float) -> None:
        self._host = host
        self._terminal = terminal
        self._secrets = secrets
        self._seconds = seconds
        self._heard = ""

    def hold(self, wanted: Sequence[Secret]) -> None:
        for number, answer in enumerate(wanted, start=1):
            if self._listen(f"question {number} of {len(wanted)} of passwd"):
                raise self._failed("passwd ended before it had asked everything", self._exit_status)
            self._heard += "\n"
            self._terminal.write_channel(answer.reveal() + "\n")
        if not self._listen("the end of passwd"):
            raise self._failed("passwd asks once more", exit_status=1)
        if status := self._exit_status:
            raise self._failed("passwd", status)

    @property
    def _exit_status(self) -> int:
        status: int = self._terminal.remote_conn.recv_exit_status()
        return status

    def _listen(self, what: str) -> bool:
        """Wait for a question (False), or for the end (True)."""
        return wait_for(
            f"{self._host}: {what}",
            self._look,
            seconds=self._seconds,
            interval=QUIET_SECONDS,
            cause="the login opens something else than a change of the password",
            next_step="log in by hand: ssh -o PubkeyAuthentication=no …",
        )

    def _look(self) -> bool:
        ended: bool = self._terminal.remote_conn.exit_status_ready()  # before reading: all that was said is there then
        new = self._terminal.read_channel()
        self._heard += new
        if ended:
            return True
        if new or not is_question(self._heard):
            raise NotYet(redact(last_line(self._heard), *self._secrets) or "nothing asked")
        return False

    def _failed(self, what: str, exit_status: int) -> CommandFailed:
        return CommandFailed(
            self._host,
            what,
            exit_status=exit_status,
            stdout=redact(self._heard, *self._secrets),
            cause="the node's rules for passwords refuse the new one, or the old one may not be changed yet",
            next_step="what it said is above; chage -l shows the password's dates",
        )
