"""What is decided without a server: whose turn it is, what the values are, what cannot be written."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest
from pydantic import ValidationError

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.postgres.scram import verifier
from koprogo_fleet.secrets.kinds.postgres_role import FIELDS, PostgresRole, PostgresRoleSpec

DOCUMENT: dict[str, object] = {
    "name": "the-database",
    "kind": "postgres-role",
    "vault": {"path": "koprogo/database"},
    "server": {"host": "db.example.org", "database": "koprogo"},
    "admin": {"path": "koprogo/postgres-admin"},
    "group": "koprogo_owner",
    "base": "koprogo",
}


def spec(**changes: object) -> PostgresRoleSpec:
    """Return a specification."""
    return PostgresRoleSpec.model_validate(DOCUMENT | changes)


@pytest.mark.parametrize(
    ("former", "expected"),
    [(None, "koprogo_a"), ("koprogo_a", "koprogo_b"), ("koprogo_b", "koprogo_a"), ("by_hand", "koprogo_a")],
)
def test_whose_turn_it_is(former: str | None, expected: str) -> None:
    """The user that is not in the former values is the next one."""
    values = {} if former is None else {"username": Secret(former), "password": Secret("x")}

    made = PostgresRole().make(spec(), values)

    assert made["username"] == Secret(expected)


def test_the_values() -> None:
    """All fields are there, the URL is made of the others, and no two passwords are alike."""
    one, other = (PostgresRole().make(spec(server={"host": "::1", "database": "a b"}), {}) for _ in range(2))

    assert tuple(one) == FIELDS
    assert one["password"] != other["password"]
    password = one["password"].reveal()
    assert len(password) == 32
    assert one["url"] == Secret(f"postgresql://koprogo_a:{password}@[::1]:5432/a%20b?sslmode=verify-full")


def test_what_is_meant_without_being_written() -> None:
    """TLS is verified in full against the system's authorities, and the last connections have five minutes."""
    found = spec()

    assert ("verify-full", None, 5432) == (found.server.sslmode, found.server.ca, found.server.port)
    assert found.disconnect == timedelta(minutes=5)


@pytest.mark.parametrize(
    "changes",
    [
        {"server": {"host": "db", "database": "x", "sslmode": "require"}},
        {"server": {"host": "db", "database": "x", "ca": "ca.pem"}},
        {"server": {"host": "-db", "database": "x"}},
        {"base": "Koprogo"},
        {"base": "x" * 62},
        {"group": "a; DROP ROLE b"},
        {"connection_limit": 0},
    ],
)
def test_what_cannot_be_written(changes: dict[str, object]) -> None:
    """A TLS mode that proves nothing, a file that is elsewhere on the next machine, names that would need quoting: refused."""
    with pytest.raises(ValidationError):
        spec(**changes)


@pytest.mark.parametrize("password", ["", "pässword", "two\nlines"])
def test_a_password_that_saslprep_would_change(password: str) -> None:
    """It is refused, and not shown: another client might make other bytes of it."""
    with pytest.raises(InputError) as caught:
        verifier(Secret(password))

    assert not password or password not in str(caught.value)


def test_two_verifiers_of_a_password_differ() -> None:
    """The salt is new each time."""
    assert verifier(Secret("x")) != verifier(Secret("x"))


def test_libpq_is_loaded_for_a_database_alone() -> None:
    """To read secrets.yaml, psycopg is not imported."""
    script = "import sys, koprogo_fleet.secrets.kinds; sys.exit('psycopg' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], check=False, timeout=60).returncode == 0
