"""JWT: what an identity provider says of us, such as GitHub of a workflow's run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.vault.login.method import Login, granted, read_secret


class Jwts(Protocol):
    """Where the JWT comes from."""

    def jwt(self) -> Secret:
        """Return it."""
        ...


@dataclass(frozen=True)
class JwtFile:
    """A file that has the JWT; read at each login, so that it may be renewed."""

    path: Path

    def jwt(self) -> Secret:
        """Return what the file has."""
        return read_secret(self.path, "the JWT")


@dataclass(frozen=True)
class JwtText:
    """The JWT itself; once it has run out, no other login is possible."""

    text: Secret

    def jwt(self) -> Secret:
        """Return it."""
        return self.text


@dataclass(frozen=True)
class Jwt:
    """The *role* of the method at *mount*."""

    role: str
    jwts: Jwts
    mount: str = "jwt"
    ours = True

    def log_in(self, client: Any) -> Login:
        """Return a token of the role."""
        return granted(client.auth.jwt.jwt_login(self.role, self.jwts.jwt().reveal(), use_token=False, path=self.mount))
