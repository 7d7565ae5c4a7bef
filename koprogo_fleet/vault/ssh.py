"""Vault's SSH secrets engine: an authority that signs the keys of users and of hosts for a while."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import hvac  # type: ignore[import-untyped]

from koprogo_fleet.core.errors import InputError, VaultError, VaultRefused
from koprogo_fleet.vault.errors import explained
from koprogo_fleet.vault.session import Need, VaultSession


class SshAuthority:
    """
    One mount of the SSH engine: a key of its own, which never leaves Vault.

    Use one for users and another for hosts: whom sshd lets in, and whom we talk to, are two questions.

    Args:
        session: may update ``<mount>/sign/<role>`` and read ``<mount>/config/ca``.
        mount: where the engine is mounted.
    """

    def __init__(self, session: VaultSession, mount: str = "ssh-user") -> None:
        self._session, self.mount = session, mount

    def ca_public_key(self) -> str:
        """
        Return the authority's public line: for sshd's ``TrustedUserCAKeys``, or for ``@cert-authority`` in known_hosts.

        Raises:
            VaultError: the engine is not mounted there or has no key; or as :meth:`~koprogo_fleet.vault.Vault.read`.
        """
        what = f"read {self.mount}/config/ca"
        path = f"{self.mount}/config/ca"
        answer = self._ask(what, lambda client: client.read(path), Need(path, "read"))
        return self._text(answer, "public_key", what)

    def sign_user_key(self, public_line: str, role: str, principals: Sequence[str], ttl: timedelta) -> str:
        """
        Return a certificate for the login key *public_line*; it cannot be revoked, so keep it short.

        Args:
            public_line: ``type key [comment]``.
            role: of the engine; says what may be asked for.
            principals: the users as whom the key may log in.
            ttl: from now; what Vault gives is valid from half a minute ago, for clocks that are slow.

        Raises:
            InputError: no principal is named: such a certificate would be good for every user.
            VaultRefused: the token may not use the role.
            VaultError: the role does not allow these principals or so long a time; or as :meth:`ca_public_key`.
        """
        return self._sign("user", public_line, role, principals, ttl)

    def sign_host_key(
        self, public_line: str, role: str, principals: Sequence[str], ttl: timedelta | None = None
    ) -> str:
        """
        Return a certificate for a host key; *principals* are the names and addresses it is reached by.

        Without *ttl* it is for as long as the role gives. Raises as :meth:`sign_user_key`.
        """
        return self._sign("host", public_line, role, principals, ttl)

    def _sign(self, kind: str, public_line: str, role: str, principals: Sequence[str], ttl: timedelta | None) -> str:
        if not principals or any("," in principal or not principal.strip() for principal in principals):
            raise InputError(
                f"a certificate for a {kind} key needs principals, and {list(principals)} names none that can be used",
                cause="without a principal it would be good for everybody",
                next_step=f"name the {kind}",
            )
        # hvac's own sign_ssh_key sends empty fields, which Vault takes for "no principal" and "the mount's longest time".
        data = {
            "public_key": public_line,
            "cert_type": kind,
            "valid_principals": ",".join(principals),
        }
        if ttl is not None:
            data["ttl"] = f"{ttl.total_seconds():.0f}s"
        path = f"{self.mount}/sign/{role}"
        what = f"sign a {kind} key with {path}"
        answer = self._ask(what, lambda client: client.write_data(path, data=data), Need(path, "update"))
        return self._text(answer, "signed_key", what)

    def _ask(self, what: str, call: Callable[[Any], Any], need: Need) -> Any:
        def found(client: Any) -> Any:
            try:
                return call(client)
            except hvac.exceptions.InvalidPath:
                return None
            except hvac.exceptions.InvalidRequest as error:
                raise self._hinted(explained(error, self._session.address, what)) from None

        try:
            return self._session.ask(what, found, need)
        except VaultRefused as refused:
            raise self._hinted(refused) from None

    def _hinted(self, error: VaultError) -> VaultError:
        return type(error)(
            error.seen,
            cause=f"{error.cause or 'what is asked for is not valid'}; or no SSH engine is mounted there, or its role does "
            "not exist or does not allow what is asked for",
            next_step=f"vault secrets list; vault list {self.mount}/roles; docs/howto/ssh-certificates.md says what is "
            "needed",
        )

    def _text(self, answer: Any, name: str, what: str) -> str:
        data = answer.get("data") if isinstance(answer, Mapping) else None
        if not isinstance(data, Mapping) or not isinstance(data.get(name), str):
            raise VaultError(
                f"{what}: Vault at {self._session.address} has nothing there",
                cause="no SSH engine is mounted under that name, or it was given no key",
                next_step=f"vault secrets list; vault read {self.mount}/config/ca; docs/howto/ssh-certificates.md says "
                "what is needed",
            )
        return str(data[name]).strip()
