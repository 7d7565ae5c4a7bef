"""Logging in, always over TLS, with an authority that is known."""

from __future__ import annotations

import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from koprogo_fleet.postgres.errors import no_session, refused
from koprogo_fleet.postgres.server import PEM, Login, Server

APPLICATION = "koprogo-fleet"
CONNECT_SECONDS = 10
STATEMENT_SECONDS = 30
SYSTEM_AUTHORITIES = "system"

Connection = psycopg.Connection[tuple[Any, ...]]


@contextmanager
def logged_in(server: Server, login: Login) -> Generator[Connection]:
    """
    Yield a connection; each statement is its own transaction unless the caller begins one.

    Raises:
        PostgresNotProven: the server has no certificate, or not the one that is meant.
        PostgresRefused: it does not let the user in; or, in the block, do what is asked.
        PostgresUnavailable: it does not answer, or is starting or full.
        PostgresError: any other answer.
    """
    with _authority(server) as ca:
        connection = _connected(server, login, ca)
    try:
        yield connection
    except psycopg.Error as error:
        # Not chained: the library's error holds the connection, and with it the password.
        raise refused(error, str(server), login.user) from None
    finally:
        connection.close()


def whoami(connection: Connection) -> tuple[str, str]:
    """Return as whom we act, and as whom we have logged in."""
    row = connection.execute("select current_user, session_user").fetchone()
    assert row is not None  # noqa: S101 - a select without a table has one row
    return str(row[0]), str(row[1])


def _connected(server: Server, login: Login, ca: str) -> Connection:
    try:
        return psycopg.connect(
            host=server.host,
            port=server.port,
            dbname=server.database,
            user=login.user,
            password=login.password.reveal(),
            sslmode=server.sslmode.value,
            sslrootcert=ca,
            sslcert="/nonexistent",  # not the ones that lie in ~/.postgresql, nor a password file's
            sslkey="/nonexistent",
            passfile="/nonexistent",
            gssencmode="disable",
            require_auth="scram-sha-256",
            application_name=APPLICATION,
            connect_timeout=CONNECT_SECONDS,
            options=f"-c statement_timeout={STATEMENT_SECONDS}s",
            autocommit=True,
        )
    except psycopg.Error as error:
        raise no_session(str(error), str(server), login.user) from None


@contextmanager
def _authority(server: Server) -> Generator[str]:
    """Yield the name of a file with the server's authority, as libpq wants it."""
    if server.ca is None:
        yield SYSTEM_AUTHORITIES
    elif not server.ca.startswith(PEM):
        yield server.ca
    else:
        with tempfile.TemporaryDirectory() as directory:
            file = Path(directory) / "ca.pem"
            file.write_text(server.ca)
            yield str(file)
