"""One role with two users at a real server, and ways to log in to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address
from typing import Any

import psycopg

from koprogo_fleet.core.events import Event
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab.postgres import DatabaseEndpoint
from koprogo_fleet.secrets.kinds.kind import Change, Tools
from koprogo_fleet.secrets.kinds.postgres_role import PASSWORD, USERNAME, PostgresRole, PostgresRoleSpec
from koprogo_fleet.secrets.spec import Values
from koprogo_fleet.vault import Vault, VaultSession

LOOPBACK = IPv4Address("127.0.0.1")
ADMIN_PATH = "koprogo/postgres-admin"
ADMIN = "rotator"


def superuser(endpoint: DatabaseEndpoint) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect as who may do everything."""
    return login_as(endpoint, endpoint.user, endpoint.password)


def login_as(
    endpoint: DatabaseEndpoint, user: str, password: Secret, application: str = "a test"
) -> psycopg.Connection[tuple[Any, ...]]:
    """Connect as an application does that knows nothing of us."""
    return psycopg.connect(
        host=endpoint.host,
        port=endpoint.port,
        dbname=endpoint.database,
        user=user,
        password=password.reveal(),
        sslmode="verify-full",
        sslrootcert=str(endpoint.ca),
        application_name=application,
        autocommit=True,
    )


@dataclass
class Scene:
    """One role with two users, and what a rotation is given; *heard* is what it told."""

    endpoint: DatabaseEndpoint
    spec: PostgresRoleSpec
    session: VaultSession
    kind: PostgresRole = field(default_factory=lambda: PostgresRole(quiet_seconds=0.3))
    heard: list[Event] = field(default_factory=list)

    @property
    def tools(self) -> Tools:
        """What the kind may use."""
        return Tools(vault=lambda: self.session, cluster=lambda: None, listener=self.heard.append)

    def but(self, **changes: object) -> PostgresRoleSpec:
        """Return the specification with other values; those of the server by ``server=``."""
        document = self.spec.model_dump()
        document["server"] |= changes.pop("server", {})
        return PostgresRoleSpec.model_validate(document | changes)

    def created(self, former: Values) -> Change:
        """Make new values and have them created."""
        change = Change("r1", former, self.kind.make(self.spec, former))
        self.kind.create(self.spec, change, self.tools)
        return change

    def write(self, path: str, user: str, password: str) -> None:
        """Write an administrator's login to Vault."""
        Vault(self.session).write(path, {USERNAME: Secret(user), PASSWORD: Secret(password)}, 0)

    def login(self, values: Values, application: str = "a consumer") -> psycopg.Connection[tuple[Any, ...]]:
        """Log in with *values*, as a consumer does."""
        return login_as(self.endpoint, values[USERNAME].reveal(), values[PASSWORD], application)
