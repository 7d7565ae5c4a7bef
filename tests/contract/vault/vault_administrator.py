"""What an administrator of Vault does around a test: roles to log in by, tokens to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from koprogo_fleet.core.errors import VaultError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.vault import VaultSession
from koprogo_fleet.vault.login import AppRole, SecretIdFile

FLEET_POLICY = "koprogo-fleet"


class Administrator:
    """The root of a Vault; *session* is its own."""

    def __init__(self, session: VaultSession) -> None:
        self.session = session

    def read(self, path: str) -> Any:
        """Return the ``data`` there, or None."""
        answer = self.session.ask(f"read {path}", lambda client: client.read(path))
        return answer and answer["data"]

    def write(self, path: str, wrap_ttl: str | None = None, **data: Any) -> Any:
        """Write, and return the whole answer."""
        return self.session.ask(f"write {path}", lambda client: client.write_data(path, data=data, wrap_ttl=wrap_ttl))

    def enable(self, kind: str) -> str:
        """Mount a way to log in at a path of its own, and return that."""
        mount = f"{kind}-{uuid4().hex[:8]}"
        self.write(f"sys/auth/{mount}", type=kind)
        return mount

    def approle(self, directory: Path, policies: tuple[str, ...] = (FLEET_POLICY,), **terms: Any) -> AppRole:
        """Return a role's login, its secret id in a file."""
        mount = self.enable("approle")
        self.write(f"auth/{mount}/role/r", token_policies=list(policies), **terms)
        path = directory / f"{mount}.secret-id"
        path.write_text(self.write(f"auth/{mount}/role/r/secret-id")["data"]["secret_id"])
        return AppRole(self.read(f"auth/{mount}/role/r/role-id")["role_id"], SecretIdFile(path), mount)

    def lives(self, accessor: str) -> bool:
        """Say whether a token is still valid."""
        try:
            self.write("auth/token/lookup-accessor", accessor=accessor)
        except VaultError:
            return False
        return True

    def token(self, *policies: str, **terms: Any) -> Secret:
        """Return a new token."""
        auth = self.write("auth/token/create-orphan", policies=list(policies), **terms)["auth"]
        return Secret(auth["client_token"])
