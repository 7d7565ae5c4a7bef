"""PostgreSQL: logging in, and the roles that applications log in as. The only package that imports psycopg."""

from __future__ import annotations

from typing import TYPE_CHECKING

from koprogo_fleet.core.lazy import names_from
from koprogo_fleet.postgres.server import Connected, Login, Server, User

if TYPE_CHECKING:
    from koprogo_fleet.postgres.connection import logged_in, whoami
    from koprogo_fleet.postgres.roles import connections_of, ensure_user, shut_out

__all__ = ["Connected", "Login", "Server", "User", "connections_of", "ensure_user", "logged_in", "shut_out", "whoami"]

# By name: a command that has no database to do with never loads libpq, which takes a quarter of a second.
__getattr__ = names_from(
    __name__, {"connection": ("logged_in", "whoami"), "roles": ("connections_of", "ensure_user", "shut_out")}
)
