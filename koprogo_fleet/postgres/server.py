"""Values: which server is meant, which user, and who is connected."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated
from urllib.parse import quote

from pydantic import Field, StringConstraints

from koprogo_fleet.core.model import Model, Whole
from koprogo_fleet.core.secret import Secret

PEM = "-----BEGIN CERTIFICATE-----"


class TlsProof(StrEnum):
    """What of its certificate the server proves: that it is for this host, or only that the authority gave it."""

    FULL = "verify-full"
    AUTHORITY = "verify-ca"


class Server(Model):
    """A PostgreSQL server, and one of its databases. There is no way to reach it without TLS."""

    host: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9:]([A-Za-z0-9.:_-]*[A-Za-z0-9])?$", max_length=253)] = (
        Field(description="a host name or an address", examples=["db.example.org"])
    )
    port: Whole = Field(default=5432, ge=1, le=65535, description="a port from 1 to 65535", examples=[5432])
    database: Annotated[str, StringConstraints(min_length=1, max_length=63)] = Field(
        description="the name of a database", examples=["koprogo"]
    )
    sslmode: TlsProof = Field(default=TlsProof.FULL, description="verify-full or verify-ca")
    ca: str | None = Field(
        default=None,
        pattern=rf"^(/|{PEM})",
        description=f'the authority: a file by its whole path, or the certificate itself ("{PEM}…")',
        examples=["/etc/ssl/certs/database-ca.pem"],
    )

    def __str__(self) -> str:
        return f"{self.host}:{self.port}/{self.database}"

    def url(self, user: str, password: Secret) -> Secret:
        """Return what libraries call a connection string; a client adds where its authority's file is."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        login = f"{quote(user, safe='')}:{quote(password.reveal(), safe='')}"
        where = f"{host}:{self.port}/{quote(self.database, safe='')}"
        return Secret(f"postgresql://{login}@{where}?sslmode={self.sslmode}")


@dataclass(frozen=True)
class Login:
    """Who logs in."""

    user: str
    password: Secret


@dataclass(frozen=True)
class User:
    """A role that logs in, and from then on acts as its *group*; *connection_limit* None is no limit."""

    name: str
    group: str
    connection_limit: int | None = None


@dataclass(frozen=True)
class Connected:
    """Connections of one user from one place, as ``pg_stat_activity`` has them."""

    application: str
    address: str
    count: int

    def __str__(self) -> str:
        times = f" ({self.count} connections)" if self.count > 1 else ""
        return f"{self.application} from {self.address}{times}"
