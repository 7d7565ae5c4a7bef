"""Logging in: by key, by certificate, by the user's agent, or by password."""

from __future__ import annotations

from dataclasses import dataclass

import paramiko

from koprogo_fleet.core.errors import InputError, LoginRefused, Unreachable
from koprogo_fleet.ssh.host_keys import fingerprint
from koprogo_fleet.ssh.login import Login
from koprogo_fleet.ssh.user_keys import certificate_terms, load_private_key


@dataclass(frozen=True)
class Credentials:
    """
    What there is to log in with, read before anything is connected to.

    Attributes:
        key: with its certificate, if it has one.
        bare: the same key without its certificate, if it has one.
    """

    key: paramiko.PKey | None
    bare: paramiko.PKey | None = None

    @classmethod
    def of(cls, login: Login) -> Credentials:
        """
        Read the key and its certificate.

        Raises:
            InputError: they cannot be used, or there is nothing to log in with.
        """
        if login.private_key is not None:
            bare = load_private_key(login.private_key) if login.certificate is not None else None
            return cls(load_private_key(login.private_key, login.certificate), bare)
        if not login.use_agent and login.password is None:
            raise InputError(
                f"{login.host}: the inventory gives neither a private key nor a password",
                next_step="run `koprogo-fleet inventory sync`, or set the connection extra private_key",
            )
        return cls(None)


def log_in(transport: paramiko.Transport, login: Login, credentials: Credentials) -> None:
    """
    Log in to the node at the other end.

    Raises:
        LoginRefused: it says no.
        Unreachable: it hangs up instead of saying so.
    """
    key = credentials.key
    try:
        if key is not None:
            left = _log_in_by_key(transport, login, key, credentials.bare)
        elif login.password is not None and not login.use_agent:
            left = transport.auth_password(login.user, login.password.reveal())
        else:
            left = _log_in_by_agent(transport, login)
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


def _log_in_by_key(
    transport: paramiko.Transport, login: Login, key: paramiko.PKey, bare: paramiko.PKey | None
) -> list[str]:
    """As ssh(1) does: the certificate first, then the key itself, which a node may know that trusts no authority yet."""
    try:
        return transport.auth_publickey(login.user, key)
    except paramiko.AuthenticationException:
        if bare is None or not transport.is_active():
            raise
    return transport.auth_publickey(login.user, bare)


def _log_in_by_agent(transport: paramiko.Transport, login: Login) -> list[str]:
    agent = paramiko.Agent()
    try:
        refusals = []
        for key in agent.get_keys():
            try:
                return transport.auth_publickey(login.user, key)
            except paramiko.AuthenticationException as error:
                refusals.append(error)
        raise paramiko.AuthenticationException(f"none of the {len(refusals)} keys of the SSH agent is accepted")
    finally:
        agent.close()


def _refused(login: Login, key: paramiko.PKey | None, what: str, detail: str) -> LoginRefused:
    offered, renew = "", ""
    cause = "the user does not exist there (cloud-init not done?), or has another authorized key"
    if key is not None:
        offered = f" with the key {fingerprint(key.asbytes())} ({login.private_key})"
        if login.certificate is not None:
            cause = (
                "the node does not trust the authority of our certificate, or it is not for this user, or not now: "
                f"it is {certificate_terms(login.certificate)}"
            )
            renew = "`koprogo-fleet inventory sync` has it signed anew; then: "
    return LoginRefused(
        login.host,
        f"{login.address} {what} of {login.user}{offered}: {detail}",
        cause=cause,
        next_step=f"{renew}ssh -v -p {login.port} -i {login.private_key or '<key>'} {login.user}@{login.address}",
    )
