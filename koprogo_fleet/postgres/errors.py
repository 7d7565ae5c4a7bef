"""From what libpq and the server say to errors that explain."""

from __future__ import annotations

import psycopg

from koprogo_fleet.core.errors import PostgresError, PostgresNotProven, PostgresRefused, PostgresUnavailable

# libpq tells a failed login by text alone. Its own words are always these; the server's may be in another language, and
# are then a refusal like any other.
_NOT_PROVEN = (
    "certificate verify failed",
    "does not match host name",
    "could not get server's host name from server certificate",
    "server does not support SSL",
    "root certificate file",
    "could not load system root certificate",
    "SSL error",
)
_NO_ANSWER = (
    "failed to resolve host",
    "could not translate host name",
    "Connection refused",
    "No route to host",
    "Network is unreachable",
    "timed out",
    "timeout expired",
    "closed the connection unexpectedly",
    "could not receive data from server",
    "could not send data to server",
    "Connection reset by peer",
    "the database system is",
    "sorry, too many clients already",
    "remaining connection slots",
)
_TEMPORARY_CLASSES = ("08", "40", "53", "57", "58")
"""The first characters of SQLSTATEs: connection, rollback, resources, an operator's doing, the system."""

_NO_RIGHT = "42501"


def no_session(said: str, server: str, user: str) -> PostgresError:
    """
    Return the error for a login that did not come to a session.

    Args:
        said: by libpq; it names no password.
        server: as people know it.
        user: who wanted to log in.
    """
    reason = " ".join(said.rpartition("failed: ")[2].split())
    seen = f"{user} at PostgreSQL {server}: {reason}"
    if any(words in said for words in _NOT_PROVEN):
        return PostgresNotProven(
            seen,
            cause="`server.ca` names another authority, the certificate is for another host, or somebody is in between",
            next_step=f"openssl s_client -starttls postgres -connect {server.partition('/')[0]} -CAfile …",
        )
    if any(words in said for words in _NO_ANSWER):
        return PostgresUnavailable(
            seen,
            cause="it is down, starting or full, or a firewall is in between",
            next_step=f"pg_isready -h {server.partition('/')[0].replace(':', ' -p ')}",
        )
    return PostgresRefused(
        seen,
        cause="the password is another one, the user may not log in, or pg_hba.conf has no hostssl line for it",
        next_step="read the server's log: it tells there what it does not tell a client",
    )


def refused(error: psycopg.Error, server: str, user: str) -> PostgresError:
    """
    Return the error for a statement that failed; of what the server says, its first line alone, which names no values.

    Args:
        error: what psycopg raised.
        server: as people know it.
        user: who is logged in.
    """
    state = error.sqlstate or ""
    said = error.diag.message_primary or "the connection was lost"
    seen = f"{user} at PostgreSQL {server}: {said}" + (f" (SQLSTATE {state})" if state else "")
    if not state or state.startswith(_TEMPORARY_CLASSES):
        return PostgresUnavailable(seen, cause="the server is going down, or too busy", next_step="run the same again")
    if state == _NO_RIGHT:
        return PostgresRefused(
            seen,
            cause="it takes CREATEROLE, and ADMIN OPTION on the group, where somebody else has made that",
            next_step=f"as a superuser: ALTER ROLE {user} CREATEROLE; GRANT <group> TO {user} WITH ADMIN OPTION",
        )
    return PostgresError(seen, next_step="read the server's log")
