"""How to reach a node, how to know it, and how to log in: one value, read from Nornir's connection options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret

CONNECTION_NAME = "fleet_ssh"
CONNECT_SECONDS = 10.0
LOGIN_SECONDS = 30.0

_EXTRAS = frozenset({
    "certificate",
    "connect_timeout",
    "host_key_alias",
    "jump",
    "known_hosts",
    "private_key",
    "sudo_password",
    "use_agent",
})  # fmt: skip
_JUMP = frozenset({"address", "certificate", "host", "known_hosts", "port", "private_key", "use_agent", "user"})


@dataclass(frozen=True)
class Login:
    """
    How to reach a node and how to know it.

    Attributes:
        host: its inventory name, under which its host key is known.
        address: where it listens, as seen from the *jump* host if there is one: an IP address or a DNS name.
        private_key: the file of the key to log in with.
        certificate: the certificate that an authority gave to *private_key*: its file, or the line itself.
        password: used to log in only without *private_key*.
        sudo_password: what sudo wants to hear, if it asks.
        use_agent: offer the keys of the user's SSH agent instead.
        jump: the host through which the node is reached; all nodes behind it share one connection to it.
        connect_timeout: seconds for the TCP connection.
        login_timeout: seconds for each of what follows: the server's banner, the keys, the login.
    """

    host: str
    address: str
    port: int
    user: str
    known_hosts: Path
    private_key: Path | None = None
    certificate: Path | str | None = None
    password: Secret | None = None
    sudo_password: Secret | None = None
    use_agent: bool = False
    jump: Login | None = None
    connect_timeout: float = CONNECT_SECONDS
    login_timeout: float = LOGIN_SECONDS


def login_of(
    hostname: str | None, username: str | None, password: str | None, port: int | None, extras: Mapping[str, Any]
) -> Login:
    """
    Read Nornir's connection options.

    Raises:
        InputError: one that is needed is missing, or one is unknown.
    """
    if not hostname or not username or "known_hosts" not in extras:
        missing = "known_hosts" if hostname and username else "username" if hostname else "hostname"
        raise InputError(
            f"{hostname or 'a host'}: the inventory gives no {missing} for {CONNECTION_NAME}",
            next_step="run `koprogo-fleet inventory sync`: it writes the connection options of every host",
        )
    name = str(extras.get("host_key_alias", hostname))
    _refuse_unknown(name, extras, _EXTRAS, "extra")
    secret = Secret(password) if password else None
    sudo_password = extras.get("sudo_password")
    login = Login(
        host=name,
        address=hostname,
        port=port or 22,
        user=username,
        known_hosts=Path(extras["known_hosts"]).expanduser(),
        private_key=_path(extras.get("private_key")),
        certificate=_certificate(extras.get("certificate")),
        password=secret,
        sudo_password=_secret(sudo_password) if sudo_password else secret,
        use_agent=bool(extras.get("use_agent", False)),
        connect_timeout=float(extras.get("connect_timeout", CONNECT_SECONDS)),
    )
    jump = extras.get("jump")
    return login if not jump else Login(**{**vars(login), "jump": _jump(login, jump)})


def _jump(login: Login, jump: Mapping[str, Any]) -> Login:
    """Return the login to the jump host; what is not said there is as for the node."""
    _refuse_unknown(login.host, jump, _JUMP, "key of the extra jump")
    address = jump.get("address", jump.get("host"))
    if not address:
        raise InputError(f"{login.host}: the extra jump has neither an address nor a host")
    own_key = "private_key" in jump or jump.get("use_agent")
    return Login(
        host=str(jump.get("host", address)),
        address=str(address),
        port=int(jump.get("port", 22)),
        user=str(jump.get("user", login.user)),
        known_hosts=_path(jump.get("known_hosts")) or login.known_hosts,
        private_key=_path(jump.get("private_key")) if own_key else login.private_key,
        certificate=_certificate(jump.get("certificate")) if own_key or "certificate" in jump else login.certificate,
        use_agent=bool(jump.get("use_agent", login.use_agent and not own_key)),
        connect_timeout=login.connect_timeout,
    )


def _refuse_unknown(host: str, given: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    if unknown := sorted(given.keys() - known):
        raise InputError(f"{host}: unknown {what} of {CONNECTION_NAME}: {', '.join(unknown)}; known: {sorted(known)}")


def _path(value: str | Path | None) -> Path | None:
    return Path(value).expanduser() if value else None


def _certificate(value: str | Path | None) -> Path | str | None:
    return value if isinstance(value, str) and "-cert-v01@openssh.com " in value else _path(value)


def _secret(value: str | Secret) -> Secret:
    return value if isinstance(value, Secret) else Secret(value)
