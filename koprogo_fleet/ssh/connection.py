"""``fleet_ssh``: the Nornir connection that every task of koprogo_fleet uses."""

from __future__ import annotations

import logging
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko
from nornir.core.configuration import Config
from nornir.core.inventory import Host
from paramiko.ssh_exception import IncompatiblePeer

from koprogo_fleet.core.errors import HostKeyMismatch, InputError, LoginRefused, Unreachable
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.ssh.host_keys import KnownHosts, fingerprint, key_blob
from koprogo_fleet.ssh.session import Session
from koprogo_fleet.ssh.user_keys import load_private_key

CONNECTION_NAME = "fleet_ssh"

CONNECT_SECONDS = 10.0
LOGIN_SECONDS = 30.0
KEEPALIVE_SECONDS = 5
SILENCE_SECONDS = 20
"""A connection whose other end acknowledges nothing for so long is dead."""

_LOG = "koprogo_fleet.ssh.paramiko"
logging.getLogger(_LOG).addHandler(logging.NullHandler())  # or Python prints paramiko's tracebacks to stderr


@dataclass(frozen=True)
class Login:
    """
    How to reach a node and how to know it.

    Attributes:
        host: its inventory name, under which its host key is known.
        address: where it listens: an IP address or a DNS name.
        private_key: the file of the key to log in with.
        password: used only without *private_key*.
        use_agent: offer the keys of the user's SSH agent instead.
        connect_timeout: seconds for the TCP connection.
        login_timeout: seconds for each of what follows: the server's banner, the keys, the login.
    """

    host: str
    address: str
    port: int
    user: str
    known_hosts: Path
    private_key: Path | None = None
    password: Secret | None = None
    use_agent: bool = False
    connect_timeout: float = CONNECT_SECONDS
    login_timeout: float = LOGIN_SECONDS


class FleetSsh:
    """
    The Nornir connection plugin ``fleet_ssh``; its ``connection`` is a :class:`Session`.

    Extras: ``known_hosts`` (path, required), ``host_key_alias`` (the inventory name; default: the address),
    ``private_key`` (path), ``use_agent`` (default: no), ``connect_timeout`` (seconds).
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
        self._session = connect(_login(hostname, username, password, port, extras or {}))

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
        host.close_connection(CONNECTION_NAME)
    session = host.get_connection(CONNECTION_NAME, configuration)
    if not isinstance(session, Session):
        raise TypeError(f"the connection {CONNECTION_NAME} is registered by another plugin: {type(session)}")
    return session


def connect(login: Login) -> Session:
    """
    Connect to a node, make sure that it is the one we know, and log in.

    Raises:
        HostKeyMismatch: its host key is unknown, or not the known one; nothing was sent to it.
        LoginRefused: it knows neither our user nor our key.
        Unreachable: there is no SSH server to talk to (yet); another try may succeed.
        InputError: the private key or ``known_hosts`` cannot be read.
    """
    known_key = KnownHosts(login.known_hosts).get(login.host)
    key = load_private_key(login.private_key) if login.private_key else None
    connection = _open_socket(login)
    try:
        transport = paramiko.Transport(connection)
        transport.set_log_channel(_LOG)
        transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = login.login_timeout
        try:
            _check_host_key(transport, login, known_key)
            _log_in(transport, login, key)
        except BaseException:
            transport.close()
            raise
    except BaseException:
        connection.close()
        raise
    transport.set_keepalive(KEEPALIVE_SECONDS)
    return Session(login.host, login.user, transport)


def _login(
    hostname: str | None, username: str | None, password: str | None, port: int | None, extras: Mapping[str, Any]
) -> Login:
    if not hostname or not username or "known_hosts" not in extras:
        missing = "known_hosts" if hostname and username else "username" if hostname else "hostname"
        raise InputError(
            f"{hostname or 'a host'}: the inventory gives no {missing} for {CONNECTION_NAME}",
            next_step="run `koprogo-fleet inventory sync`: it writes the connection options of every host",
        )
    private_key = extras.get("private_key")
    return Login(
        host=str(extras.get("host_key_alias", hostname)),
        address=hostname,
        port=port or 22,
        user=username,
        known_hosts=Path(extras["known_hosts"]).expanduser(),
        private_key=Path(private_key).expanduser() if private_key else None,
        password=Secret(password) if password else None,
        use_agent=bool(extras.get("use_agent", False)),
        connect_timeout=float(extras.get("connect_timeout", CONNECT_SECONDS)),
    )


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
    # paramiko's keepalives want no answer: the kernel notices that nobody acknowledges them.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_SECONDS * 1000)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _check_host_key(transport: paramiko.Transport, login: Login, known_key: str | None) -> None:
    if known_key is not None:
        # Only what the known key can sign is negotiated: otherwise a key of another type would be shown instead.
        transport.get_security_options().key_types = _signatures(known_key)
    try:
        transport.start_client(timeout=2 * login.login_timeout)
        shown = transport.get_remote_server_key()
    except IncompatiblePeer as error:
        if "host key" not in str(error) or known_key is None:
            raise _no_ssh(login, error) from error
        raise HostKeyMismatch(
            login.host,
            f"{login.address} has no host key of the type that we know: "
            f"{known_key.split()[0]} {fingerprint(key_blob(known_key))}",
            cause="another machine answers at this address, or the node was rebuilt",
            next_step=_re_enrol(login),
        ) from error
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise _no_ssh(login, error) from error
    shown_text = f"{shown.get_name()} {fingerprint(shown.asbytes())}"
    if known_key is None:
        raise HostKeyMismatch(
            login.host,
            f"{login.address} shows the host key {shown_text}, and none is known for {login.host} in {login.known_hosts}",
            cause="the node was not made by koprogo-fleet, or known_hosts was lost",
            next_step=_re_enrol(login),
        )
    if shown.asbytes() != key_blob(known_key):
        raise HostKeyMismatch(
            login.host,
            f"{login.address} shows the host key {shown_text}, "
            f"but {login.host} is known by {known_key.split()[0]} {fingerprint(key_blob(known_key))}",
            cause="another machine answers at this address (or in between), or the node was rebuilt",
            next_step=_re_enrol(login),
        )


def _log_in(transport: paramiko.Transport, login: Login, key: paramiko.PKey | None) -> None:
    try:
        if key is not None:
            left = transport.auth_publickey(login.user, key)
        elif login.use_agent:
            left = _log_in_by_agent(transport, login)
        elif login.password is not None:
            left = transport.auth_password(login.user, login.password.reveal())
        else:
            raise InputError(
                f"{login.host}: the inventory gives neither a private key nor a password",
                next_step="run `koprogo-fleet inventory sync`, or set the connection extra private_key",
            )
    except (paramiko.SSHException, EOFError, OSError) as error:
        # A node that is still starting closes the connection (pam_nologin); only a no that was said is a refusal.
        if isinstance(error, paramiko.AuthenticationException) and transport.is_active():
            raise _refused(login, key, "refuses the login", str(error)) from error
        raise Unreachable(
            login.host,
            f"{login.address} closed the connection during the login: {error}",
            cause="it is still starting, or bans us after failed logins (fail2ban)",
            next_step="try again in a minute",
        ) from error
    if left:
        raise _refused(login, key, "wants another proof of identity", f"also asks for: {', '.join(left)}")


def _log_in_by_agent(transport: paramiko.Transport, login: Login) -> list[str]:
    refusals = []
    for key in paramiko.Agent().get_keys():
        try:
            return transport.auth_publickey(login.user, key)
        except paramiko.AuthenticationException as error:
            refusals.append(error)
    raise paramiko.AuthenticationException(f"none of the {len(refusals)} keys of the SSH agent is accepted")


def _refused(login: Login, key: paramiko.PKey | None, what: str, detail: str) -> LoginRefused:
    offered = f" with the key {fingerprint(key.asbytes())} ({login.private_key})" if key else ""
    return LoginRefused(
        login.host,
        f"{login.address} {what} of {login.user}{offered}: {detail}",
        cause="the user does not exist there (cloud-init not done?), or has another authorized key",
        next_step=f"ssh -v -p {login.port} -i {login.private_key or '<key>'} {login.user}@{login.address}",
    )


def _no_ssh(login: Login, error: Exception) -> Unreachable:
    return Unreachable(
        login.host,
        f"{login.address} port {login.port} answers, but no SSH session can be negotiated: {error or 'it hangs up'}",
        cause="sshd is starting or overloaded (MaxStartups), bans us, or is not what listens there",
        next_step=f"ssh-keyscan -p {login.port} {login.address}",
    )


def _re_enrol(login: Login) -> str:
    return (
        f"if you know that {login.host} was rebuilt: `ssh-keygen -R {login.host} -f {login.known_hosts}`, then "
        "`koprogo-fleet provision`; if not, do not log in there, and find out what answers"
    )


def _signatures(public_line: str) -> tuple[str, ...]:
    key_type = public_line.split(maxsplit=1)[0]
    return ("rsa-sha2-512", "rsa-sha2-256") if key_type == "ssh-rsa" else (key_type,)
