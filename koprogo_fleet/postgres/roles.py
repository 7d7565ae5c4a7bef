"""The roles that applications log in as: made, looked at, shut out. Each change is one transaction."""

from __future__ import annotations

from psycopg import sql

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.postgres.connection import Connection
from koprogo_fleet.postgres.scram import verifier
from koprogo_fleet.postgres.server import Connected, User

UNLIMITED = -1


def connections_of(connection: Connection, name: str) -> tuple[Connected, ...]:
    """
    Return who is connected as the user *name* now, in any database.

    An administrator who may not read all statistics (``pg_monitor``) sees how many, but not who.
    """
    rows = connection.execute(
        "select coalesce(nullif(application_name, ''), 'an application without a name'),"
        " coalesce(host(client_addr), 'an address that is not shown'), count(*)"
        " from pg_stat_activity where usename = %s group by 1, 2 order by 1, 2",
        (name,),
    ).fetchall()
    return tuple(Connected(str(application), str(address), int(count)) for application, address, count in rows)


def ensure_user(connection: Connection, user: User, password: Secret) -> None:
    """
    Let *user* log in with *password*, as a member of its group and acting as it from its first moment; make what is missing.

    What it makes then belongs to the group, and so to the group's other users, too. The server is told a verifier, from
    which nobody gets the password.
    """
    name, group = sql.Identifier(user.name), sql.Identifier(user.group)
    limit = UNLIMITED if user.connection_limit is None else user.connection_limit
    with connection.transaction():
        if not _exists(connection, user.group):
            connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(group))
        if not _exists(connection, user.name):
            connection.execute(sql.SQL("CREATE ROLE {}").format(name))
        connection.execute(
            sql.SQL("ALTER ROLE {} LOGIN INHERIT PASSWORD {} VALID UNTIL 'infinity' CONNECTION LIMIT {}").format(
                name, sql.Literal(verifier(password).reveal()), sql.Literal(limit)
            )
        )
        connection.execute(sql.SQL("GRANT {} TO {}").format(group, name))
        connection.execute(sql.SQL("ALTER ROLE {} SET role = {}").format(name, sql.Literal(user.group)))


def shut_out(connection: Connection, name: str) -> None:
    """Let the user *name* not log in any more, and forget its password; one that there is not is shut out already."""
    if _exists(connection, name):
        connection.execute(sql.SQL("ALTER ROLE {} NOLOGIN PASSWORD NULL").format(sql.Identifier(name)))


def _exists(connection: Connection, name: str) -> bool:
    return connection.execute("select 1 from pg_roles where rolname = %s", (name,)).fetchone() is not None
