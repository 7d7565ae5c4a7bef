"""``fleet_ssh``: the Nornir connection that every task of koprogo_fleet uses."""

from __future__ import annotations

import base64
import socket
from collections.abc import Callable
from typing import Any

import paramiko
from nornir.core.configuration import Config
from nornir.core.inventory import Host
from paramiko.ssh_exception import IncompatiblePeer

from koprogo_fleet.core.errors import HostKeyMismatch, Unreachable
from koprogo_fleet.ssh.authentication import Credentials, log_in
from koprogo_fleet.ssh.host_keys import Known, KnownHosts
from koprogo_fleet.ssh.identity import Identity
from koprogo_fleet.ssh.jump import JumpPool
from koprogo_fleet.ssh.line import SILENCE_SECONDS, Line
from koprogo_fleet.ssh.login import CONNECTION_NAME, Login, login_of
from koprogo_fleet.ssh.session import Session
from koprogo_fleet.ssh.transport import FleetTransport

__all__ = ["CONNECTION_NAME", "FleetSsh", "Login", "connect", "session_for", "shown_host_key"]

_ED25519 = "ssh-ed25519"


class FleetSsh:
    """
    The Nornir connection plugin ``fleet_ssh``; its ``connection`` is a :class:`Session`.

    Extras: ``known_hosts`` (path, required), ``host_key_alias`` (the inventory name; default: the address),
    ``private_key`` (path), ``certificate`` (path or text), ``use_agent`` (default: no), ``sudo_password`` (default: the
    host's password), ``jump`` (a mapping), ``connect_timeout`` (seconds). ``docs/reference/ssh.md`` explains them.
    """

    _session: Session

    def open(  # noqa: PLR0913, PLR0917 - Nornir's signature
        self,
        hostname: str | None,
        username: str | None,
        password: str | None,
        port: int | None,
        platform: str | None,  # noqa: ARG002 - as above
        extras: dict[str, Any] | None = None,
        configuration: Config | None = None,  # noqa: ARG002 - as above
    ) -> None:
        """Connect, by :func:`connect`; see there for the errors."""
        self._session = connect(login_of(hostname, username, password, port, extras or {}))

    @property
    def connection(self) -> Session:
        """The open session."""
        return self._session

    def close(self) -> None:
        """End the session."""
        self._session.close()


def session_for(host: Host, configuration: Config) -> Session:
    """
    Return a live session to a Nornir host: the open one if it still answers, else a new one.

    Raises:
        Unreachable, HostKeyMismatch, LoginRefused, InputError: as :func:`connect`.
    """
    open_connection = host.connections.get(CONNECTION_NAME)
    if open_connection is not None and not open_connection.connection.is_alive():
        drop_session(host)
    session = host.get_connection(CONNECTION_NAME, configuration)
    if not isinstance(session, Session):
        raise TypeError(f"the connection {CONNECTION_NAME} is registered by another plugin: {type(session)}")
    return session


def drop_session(host: Host) -> None:
    """Close the open session to a Nornir host, if there is one: the next one is made anew."""
    if CONNECTION_NAME in host.connections:
        host.close_connection(CONNECTION_NAME)


def connect(login: Login) -> Session:
    """
    Connect to a node, make sure that it is the one we know, and log in; through its jump host, if it has one.

    Raises:
        HostKeyMismatch: it (or the jump host) is not proven to be who it should be; nothing was sent to it.
        LoginRefused: it knows neither our user nor our key.
        Unreachable: there is no SSH server to talk to (yet); another try may succeed.
        InputError: the private key, its certificate or ``known_hosts`` cannot be read.
    """
    return Session(login.host, login.user, _connect(login), login.sudo_password)


def shown_host_key(login: Login) -> str:
    """
    Return the ed25519 host key that answers at a node's address, as a public line; nobody logs in, and nothing is sent.

    It proves nothing by itself: whoever enrols it has to know otherwise that a machine with another key is there.

    Raises:
        HostKeyMismatch: it has no host key of that type.
        Unreachable: there is no SSH server to talk to.
    """
    seen = _Seen()
    line, release = _open_line(login)
    transport = FleetTransport(line, seen, login.login_timeout, release)
    try:
        _shake_hands(transport, login, Identity(login, Known()))
    finally:
        line.close()
        transport.close()
    return f"{_ED25519} {base64.b64encode(seen.key).decode()}"


class _Seen:
    """A verifier that only looks."""

    algorithms = (_ED25519,)
    key = b""

    def check(self, _algorithm: str, _shown: bytes, signer: bytes) -> None:
        """Take note of the key whose owner signed the key exchange."""
        self.key = signer


def _connect(login: Login) -> FleetTransport:
    identity = Identity(login, KnownHosts(login.known_hosts).known(login.host))
    credentials = Credentials.of(login)
    line, release = _open_line(login)
    transport = FleetTransport(line, identity, login.login_timeout, release)
    try:
        _shake_hands(transport, login, identity)
        log_in(transport, login, credentials)
    except BaseException:
        line.close()
        transport.close()
        raise
    transport.watch()
    return transport


def _open_line(login: Login) -> tuple[Line, Callable[[], None]]:
    """Return the bytes to the node, and what to call when they are not needed any more."""
    if login.jump is None:
        return Line(_open_socket(login)), lambda: None
    jump, give_back = _JUMPS.borrow(login.jump)
    try:
        channel = jump.open_channel(
            "direct-tcpip", (login.address, login.port), ("127.0.0.1", 0), timeout=login.connect_timeout
        )
    except (paramiko.SSHException, EOFError, OSError) as error:
        give_back()
        place = f"{login.address} port {login.port}"
        raise Unreachable(
            login.host,
            f"cannot connect to {place} from the jump host {login.jump.host}: {error or 'the connection to it ended'}",
            cause="the node is down, a firewall is in between, or the jump host's sshd forbids it (AllowTcpForwarding)",
            next_step=f"on {login.jump.host}: nc -vz {login.address} {login.port}",
        ) from error
    return Line(channel), give_back


def _open_socket(login: Login) -> socket.socket:
    place = f"{login.address} port {login.port}"
    try:
        connection = socket.create_connection((login.address, login.port), timeout=login.connect_timeout)
    except OSError as error:
        if isinstance(error, socket.gaierror):
            cause, look = "the name does not resolve", f"getent hosts {login.address}"
        elif isinstance(error, ConnectionRefusedError):
            cause, look = "sshd is not running (yet), or listens elsewhere", f"nc -vz {login.address} {login.port}"
        else:
            cause, look = "the node is down, or a firewall is in between", f"ping -c 3 {login.address}"
        reason = error.strerror or f"no answer within {login.connect_timeout:.0f} s"
        raise Unreachable(login.host, f"cannot connect to {place}: {reason}", cause=cause, next_step=look) from error
    # What the node never acknowledges, the kernel notices: also before the login, when nothing can be asked yet.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SILENCE_SECONDS * 1000))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _shake_hands(transport: FleetTransport, login: Login, identity: Identity) -> None:
    try:
        transport.start_client(timeout=2 * login.login_timeout)
        transport.get_remote_server_key()  # raises where the time ran out
    except HostKeyMismatch:
        raise
    except IncompatiblePeer as error:
        if "host key" in str(error):
            raise identity.no_common_type() from error
        raise _no_ssh(login, error) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise _no_ssh(login, error) from error


def _no_ssh(login: Login, error: Exception) -> Unreachable:
    return Unreachable(
        login.host,
        f"{login.address} port {login.port} answers, but no SSH session can be negotiated: {error or 'it hangs up'}",
        cause="sshd is starting or overloaded (MaxStartups), bans us, or is not what listens there",
        next_step=f"ssh-keyscan -p {login.port} {login.address}",
    )


_JUMPS = JumpPool(_connect)
