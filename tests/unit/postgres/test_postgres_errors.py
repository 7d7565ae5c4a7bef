"""What libpq says of a failed login, told apart by its own words."""

from __future__ import annotations

import pytest

from koprogo_fleet.core.errors import PostgresError, PostgresNotProven, PostgresRefused, PostgresUnavailable
from koprogo_fleet.postgres.errors import no_session

CONNECTION = 'connection failed: connection to server at "10.0.0.5", port 5432 failed: '


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('FATAL:  password authentication failed for user "x"', PostgresRefused),
        ("FATAL:  Passwort-Authentifizierung für Benutzer »x« fehlgeschlagen", PostgresRefused),
        ('FATAL:  role "x" is not permitted to log in', PostgresRefused),
        ('FATAL:  database "x" does not exist', PostgresRefused),
        ("FATAL:  the database system is starting up", PostgresUnavailable),
        ("FATAL:  sorry, too many clients already", PostgresUnavailable),
        ("Connection refused\n\tIs the server running on that host?", PostgresUnavailable),
        ("SSL error: certificate verify failed", PostgresNotProven),
        ('server certificate for "a" does not match host name "b"', PostgresNotProven),
        ("server does not support SSL, but SSL was required", PostgresNotProven),
    ],
)
def test_a_failed_login_is_told_apart(said: str, expected: type[PostgresError]) -> None:
    """What another try may mend, what a person has to mend, and who may not be who it says are three errors."""
    error = no_session(CONNECTION + said, "db.example.org:5432/koprogo", "x")

    assert type(error) is expected
    assert str(error) == f"x at PostgreSQL db.example.org:5432/koprogo: {' '.join(said.split())}"
    assert error.next_step


def test_a_name_that_leads_nowhere() -> None:
    """A name server's answer is temporary, and named."""
    said = "failed to resolve host 'db.invalid': [Errno -2] Name or service not known"

    error = no_session(said, "db.invalid:5432/koprogo", "x")

    assert (PostgresUnavailable, True) == (type(error), "Name or service not known" in str(error))
