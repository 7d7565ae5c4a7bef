"""AppRole: a role's id, which is no secret, and a secret id, which somebody else has put where only we can read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import hvac.exceptions as hvac_errors  # type: ignore[import-untyped]

from koprogo_fleet.core.errors import VaultIntercepted
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.vault.login.method import Login, granted, read_secret


class SecretIds(Protocol):
    """Where the secret id comes from."""

    def secret_id(self, client: Any) -> Secret:
        """Return it."""
        ...


@dataclass(frozen=True)
class AppRole:
    """The role *role_id* of the method that is mounted at *mount*."""

    role_id: str
    secret_ids: SecretIds
    mount: str = "approle"
    ours = True

    def log_in(self, client: Any) -> Login:
        """Return a token of the role; one more use of the secret id is spent."""
        secret_id = self.secret_ids.secret_id(client)
        return granted(
            client.auth.approle.login(self.role_id, secret_id.reveal(), use_token=False, mount_point=self.mount)
        )


@dataclass(frozen=True)
class SecretIdFile:
    """A file that has the secret id; read at each login, so that it may be replaced."""

    path: Path

    def secret_id(self, _client: Any) -> Secret:
        """Return what the file has."""
        return read_secret(self.path, "AppRole's secret id")


@dataclass(frozen=True)
class WrappedSecretId:
    """
    A file that has a wrapping token; the secret id in it can be had once, so whoever had it before us is noticed.

    Attributes:
        path: of the file.
        creation_path: what the token must have been made by, exactly: ``auth/approle/role/<role>/secret-id``.
    """

    path: Path
    creation_path: str
    _opened: list[Secret] = field(default_factory=list, init=False, repr=False, compare=False)

    def secret_id(self, client: Any) -> Secret:
        """
        Return the secret id: unwrapped the first time, then remembered for further logins of this process.

        Raises:
            VaultIntercepted: it was unwrapped before, has run out, or is not what it should be.
        """
        if not self._opened:
            token = read_secret(self.path, "the wrapped secret id")
            self._look(client, token)
            self._opened.append(self._unwrap(client, token))
        return self._opened[0]

    def _look(self, client: Any, token: Secret) -> None:
        try:
            answer = client.write_data("sys/wrapping/lookup", data={"token": token.reveal()})
        except (hvac_errors.InvalidRequest, hvac_errors.Forbidden, hvac_errors.InvalidPath):
            raise self._alarm("it is not valid any more") from None
        made_by = _data(answer).get("creation_path")
        if made_by != self.creation_path:
            raise self._alarm(f"it was made by {made_by}, and not by {self.creation_path}")

    def _unwrap(self, client: Any, token: Secret) -> Secret:
        try:
            # In the body alone: with the header as well, Vault would spend the token before it looks.
            answer = client.write_data("sys/wrapping/unwrap", data={"token": token.reveal()})
        except (hvac_errors.InvalidRequest, hvac_errors.Forbidden, hvac_errors.InvalidPath):
            raise self._alarm("it was unwrapped between our look at it and our use") from None
        secret_id = _data(answer).get("secret_id")
        if not isinstance(secret_id, str):
            raise self._alarm("there is no secret id in it")
        return Secret(secret_id)

    def _alarm(self, seen: str) -> VaultIntercepted:
        return VaultIntercepted(
            f"ALARM: the wrapped secret id in {self.path}: {seen}",
            cause="somebody else has unwrapped or replaced it; or it has run out, or was used by a run before this one",
            next_step="unless you know why, take it for stolen: destroy the role's secret ids (vault list "
            f"{self.creation_path}), read Vault's audit log, then wrap a new one: vault write -wrap-ttl=5m -f "
            f"{self.creation_path}",
        )


def _data(answer: Any) -> Mapping[str, Any]:
    data = answer.get("data") if isinstance(answer, Mapping) else None
    return data if isinstance(data, Mapping) else {}
