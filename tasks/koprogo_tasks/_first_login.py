"""From a server delivered with a one-time password to one that lets only keys in."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nornir.core.configuration import Config
from nornir.core.inventory import Host
from nornir.core.task import Result, Task

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import HostKeyMismatch, InputError, LoginRefused, Unreachable
from koprogo_fleet.core.permit import Action
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.hosts.baseline.node import HANDLERS
from koprogo_fleet.hosts.baseline.sshd import RELOAD_SSHD, sshd
from koprogo_fleet.hosts.resources import AuthorizedKeys
from koprogo_fleet.ssh.connection import CONNECTION_NAME, drop_session, session_for
from koprogo_fleet.ssh.failures import command_failed
from koprogo_fleet.ssh.host_keys import KnownHosts
from koprogo_fleet.ssh.session import Session
from koprogo_fleet.ssh.user_keys import ensure_private_key
from koprogo_tasks._converge import converge
from koprogo_tasks._password_dialogue import change_password
from koprogo_tasks._permit import permit_for

_SECONDS = 20.0
_OWN_PROOFS = frozenset({"private_key", "use_agent", "certificate"})


@dataclass(frozen=True)
class Passwords:
    """
    The passwords of a delivered server.

    Attributes:
        delivered: what the provider sent; works once.
        new: what replaces it. Keep it *before* the login (:func:`koprogo_fleet.vault.passwords.ensure_password`): a
            run that dies in the middle is taken up with it.
    """

    delivered: Secret
    new: Secret


def first_login(
    task: Task,
    passwords: Mapping[str, Passwords],
    authorized_key: str | None = None,
    seconds: float = 30,
    dry_run: bool | None = None,
) -> Result:
    """
    Make a host let our key in, give its user the new password, and let sshd accept keys only.

    Where the key opens a session already, no password is sent, and only sshd's settings are looked at. The host key
    must be known before, in the connection's ``known_hosts``, and it is checked before a password is sent.

    Args:
        task: given by Nornir.
        passwords: by the hosts' names; needed only for those that do not let the key in.
        authorized_key: the public line to let in. Default: that of the connection extra ``private_key``.
        seconds: how long to wait for each question of the forced change of the password.
        dry_run: only look, by key; the difference in sshd's settings can be told only where the key works.

    Returns:
        Result object with the following attributes set: changed, diff, differences.

    Raises:
        HostKeyMismatch: the node is not the one we know; no password was sent.
        LoginRefused: neither password is the user's.
        WaitTimeout, CommandFailed: the forced change of the password went otherwise than expected.
        InputError: no password is given for this host, or no key is known to be let in.
    """
    host, configuration = task.host, task.nornir.config
    if _lets_us_work(host, configuration):
        return _only_keys(task, (), dry_run)
    differences = (
        Difference(Operation.CREATE, f"login of {host.username} by key"),
        Difference(Operation.CHANGE, f"password of {host.username}", "as delivered", "a new one"),
    )
    if task.is_dry_run(dry_run):
        return _result(host, differences)
    if host.name not in passwords:
        raise InputError(
            f"{host.name} does not let our key in, and no password is given for it",
            next_step="give first_login the password that the server was delivered with",
        )
    key = AuthorizedKeys(host.username or "", (authorized_key or _own_public_line(host),), exclusive=False)
    with permit_for(task, Action(host.name, "first login", differences)):
        _come_in(task, passwords[host.name], key, seconds)
    return _only_keys(task, differences, dry_run)


def _lets_us_work(host: Host, configuration: Config) -> bool:
    """Tell whether our key opens a session that runs commands; sshd runs none while the password must be changed."""
    if not _OWN_PROOFS & {name for name, value in _extras(host).items() if value}:
        raise InputError(
            f"{host.name}: the inventory names no key to log in with",
            next_step=f"set the extra private_key of the connection {CONNECTION_NAME}",
        )
    try:
        session = session_for(host, configuration)
    except LoginRefused:
        return False
    return session.run("true", timeout=_SECONDS).exit_status == 0


def _come_in(task: Task, passwords: Passwords, key: AuthorizedKeys, seconds: float) -> None:
    host, configuration = task.host, task.nornir.config
    current, must_change = _accepted(host, configuration, passwords)
    if must_change:
        change_password(host, configuration, _host_key(host), current, passwords.new, seconds)
        current = passwords.new
    with _by_password(host, configuration, current) as session:
        converge(task, (key,), dry_run=False)
        if current == passwords.delivered:  # accepted as it was delivered: nobody asked for another one
            line = f"{host.username}:{passwords.new.reveal()}\n".encode()
            done = session.run_as_root("chpasswd", stdin=line, timeout=_SECONDS)
            if done.exit_status:
                raise command_failed(host.name, f"change the password of {host.username}", done)


def _accepted(host: Host, configuration: Config, passwords: Passwords) -> tuple[Secret, bool]:
    """Return the password that opens a session, and whether that session is only for changing it."""
    for password in (passwords.delivered, passwords.new):
        try:
            with _by_password(host, configuration, password) as session:
                return password, session.run("true", timeout=_SECONDS).exit_status != 0
        except LoginRefused:
            continue
    raise LoginRefused(
        host.name,
        f"{host.hostname} takes neither the delivered nor the new password of {host.username}",
        cause="the delivered password is mistyped or was used before, or sshd takes no passwords",
        next_step=f"ssh -o PubkeyAuthentication=no {host.username}@{host.hostname}, or the console of the provider",
    )


@contextmanager
def _by_password(host: Host, configuration: Config, password: Secret) -> Generator[Session]:
    drop_session(host)
    extras = {name: value for name, value in _extras(host).items() if name not in _OWN_PROOFS}
    host.open_connection(CONNECTION_NAME, configuration, password=password.reveal(), extras=extras)
    try:
        yield session_for(host, configuration)
    finally:
        drop_session(host)


def _only_keys(task: Task, before: tuple[Difference, ...], dry_run: bool | None) -> Result:
    handlers = {RELOAD_SSHD: HANDLERS[RELOAD_SSHD]}
    converged = converge(task, sshd(), handlers=handlers, dry_run=dry_run)
    if converged.changed and not task.is_dry_run(dry_run):
        _log_in_anew(task)
    return _result(task.host, (*before, *converged.differences))  # type: ignore[attr-defined]


def _log_in_anew(task: Task) -> None:
    """Prove that sshd lets us in with its new settings; it answers nobody for the moment in which it reads them."""
    host = task.host

    def look() -> None:
        try:
            session_for(host, task.nornir.config)
        except Unreachable as error:
            raise NotYet(error.seen) from error

    drop_session(host)
    wait_for(f"{host.name}: a login by key, with sshd's new settings", look, seconds=_SECONDS, interval=0.1)


def _result(host: Host, differences: tuple[Difference, ...]) -> Result:
    text = "\n".join(map(str, differences))
    return Result(host=host, changed=bool(differences), diff=text, differences=differences)


def _host_key(host: Host) -> str:
    known_hosts = KnownHosts(Path(_extras(host)["known_hosts"]).expanduser())
    key = known_hosts.get(str(_extras(host).get("host_key_alias", host.hostname)))
    if key is None:  # an authority vouches for it, which netmiko does not understand
        raise HostKeyMismatch(
            host.name,
            f"{known_hosts.path} does not hold the host key itself, and the forced change of a password needs it",
            next_step=f"ssh-keyscan {host.hostname}, compare with the provider's console, then add the line",
        )
    return key


def _own_public_line(host: Host) -> str:
    private_key = _extras(host).get("private_key")
    if private_key is None:
        raise InputError(
            f"{host.name}: which key should be let in?",
            cause="the inventory names no private_key, so its public half cannot be told",
            next_step="first_login(task, …, authorized_key=<public line>)",
        )
    return ensure_private_key(Path(private_key).expanduser())


def _extras(host: Host) -> dict[str, Any]:
    return host.get_connection_parameters(CONNECTION_NAME).extras or {}
