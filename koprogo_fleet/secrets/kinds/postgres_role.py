"""A PostgreSQL role with two users, of which one is in use and the other is the next: no moment is without a login."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from koprogo_fleet import postgres
from koprogo_fleet.core.duration import Duration
from koprogo_fleet.core.errors import InputError, PostgresError, PostgresRefused, ProofFailed
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.model import Model, Whole
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.secrets.kinds.kind import Change, Origin, Tools
from koprogo_fleet.secrets.kinds.random_password import random_password
from koprogo_fleet.secrets.spec import DataKey, SecretSpec, Values, VaultPath
from koprogo_fleet.vault import Vault

USERNAME, PASSWORD, HOST, PORT, DATABASE, URL = FIELDS = ("username", "password", "host", "port", "dbname", "url")
SUFFIXES = ("_a", "_b")

RoleName = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z_][a-z0-9_]*$", max_length=61),
    Field(description="lower-case letters, digits and underscores (at most 61)", examples=["koprogo"]),
]


class AdminLogin(Model):
    """Where in Vault the login is that makes the users: a role with CREATEROLE. *mount* is of the key-value engine."""

    path: VaultPath
    mount: str = "secret"
    username_key: DataKey = USERNAME
    password_key: DataKey = PASSWORD


class PostgresRoleSpec(SecretSpec):
    """
    The users ``<base>_a`` and ``<base>_b``, both members of *group* and acting as it: it owns what they make.

    *disconnect* is how long the former user's last connections may take to end before it is shut out.
    """

    FIELDS: ClassVar[tuple[str, ...]] = FIELDS

    kind: Literal["postgres-role"]
    server: postgres.Server
    admin: AdminLogin
    group: RoleName
    base: RoleName
    connection_limit: Whole | None = Field(default=None, ge=1, description="a number of connections from 1")
    disconnect: Duration = timedelta(minutes=5)

    @property
    def users(self) -> tuple[str, ...]:
        """The names of both users."""
        return tuple(self.base + suffix for suffix in SUFFIXES)

    def next_user(self, former: Values) -> str:
        """Return the user that is not the *former* one; the first where that is neither."""
        first, second = self.users
        return second if _username(former) == first else first


class PostgresRole:
    """
    The two users take turns. The other one gets a new password; the former is shut out when nobody is connected as it.

    Args:
        quiet_seconds: so long nobody may have been seen, for a client may log in anew for each question.
    """

    name = "postgres-role"
    spec = PostgresRoleSpec
    origin = Origin.HERE

    def __init__(self, quiet_seconds: float = 3.0) -> None:
        self._quiet_seconds = quiet_seconds

    def begin(self, spec: PostgresRoleSpec, change: Change, tools: Tools) -> Mapping[str, str]:
        """
        Show that the administrator can log in, and that nobody uses the next user.

        Raises:
            InputError: Vault has no login for the administrator.
            PostgresError: the server refuses it, or cannot be asked; or somebody is connected as the next user.
        """
        with postgres.logged_in(spec.server, _admin(spec, tools)) as connection:
            user = spec.next_user(change.former)
            if not _accepted(spec, change.new):
                _nobody_is(user, postgres.connections_of(connection, user))
        return {"user": user, "server": str(spec.server)}

    def make(self, spec: PostgresRoleSpec, former: Values) -> Values:
        """Choose a new password for the user that is not the former one."""
        user, password = spec.next_user(former), random_password()
        return {
            USERNAME: Secret(user),
            PASSWORD: password,
            HOST: Secret(spec.server.host),
            PORT: Secret(str(spec.server.port)),
            DATABASE: Secret(spec.server.database),
            URL: spec.server.url(user, password),
        }

    def create(self, spec: PostgresRoleSpec, change: Change, tools: Tools) -> Values:
        """
        Let the next user log in with its new password, in one transaction.

        Raises:
            PostgresError: as :meth:`begin`, and the former user is as it was.
        """
        user = postgres.User(_username(change.new), spec.group, spec.connection_limit)
        with postgres.logged_in(spec.server, _admin(spec, tools)) as connection:
            if not _accepted(spec, change.new):
                _nobody_is(user.name, postgres.connections_of(connection, user.name))
            postgres.ensure_user(connection, user, change.new[PASSWORD])
        return change.new

    def prove(self, spec: PostgresRoleSpec, values: Values, _tools: Tools) -> None:
        """
        Log in as a consumer does, over TLS, and ask as whom we act.

        Raises:
            ProofFailed: the server refuses the login, or we act as somebody else than the group.
            PostgresError: the server cannot be asked, or does not prove that it is ours.
        """
        user = _username(values)
        try:
            with postgres.logged_in(spec.server, _login(values)) as connection:
                acting, logged_in = postgres.whoami(connection)
        except PostgresRefused as refused:
            raise ProofFailed(refused.seen, cause=refused.cause, next_step=refused.next_step) from None
        # A user that was there before there was a group acts as itself.
        if logged_in != user or (user in spec.users and acting != spec.group):
            raise ProofFailed(
                f"{user} at PostgreSQL {spec.server} acts as {acting}: what it makes does not belong to {spec.group}",
                cause="somebody has reset the role's settings",
                next_step=f"ALTER ROLE {user} SET role = {spec.group}",
            )

    def last(self, _spec: PostgresRoleSpec, change: Change) -> Values:
        """The new ones."""
        return change.new

    def revoke(self, spec: PostgresRoleSpec, change: Change, tools: Tools) -> None:
        """
        Shut the former user out, once nobody is connected as it any more; a user that is not one of the two is left alone.

        Raises:
            WaitTimeout: somebody is; tells who, and the user is as it was.
        """
        self._shut_out(spec, change.former, tools)

    def discard(self, spec: PostgresRoleSpec, change: Change, tools: Tools) -> None:
        """
        Shut the new user out, once nobody is connected as it any more.

        Raises:
            WaitTimeout: somebody is; tells who, and the user is as it was.
        """
        self._shut_out(spec, change.new, tools)

    def _shut_out(self, spec: PostgresRoleSpec, values: Values, tools: Tools) -> None:
        user = _username(values)
        if not user:
            return
        if user not in spec.users:
            tools.listener(
                Note(f"{user} at PostgreSQL {spec.server} can still log in: it is none of {' and '.join(spec.users)}")
            )
            return
        with postgres.logged_in(spec.server, _admin(spec, tools)) as connection:
            last_seen = time.monotonic()

            def gone() -> None:
                nonlocal last_seen
                if connected := postgres.connections_of(connection, user):
                    last_seen = time.monotonic()
                    raise NotYet("; ".join(map(str, connected)))
                if time.monotonic() - last_seen < self._quiet_seconds:
                    raise NotYet("nobody at this moment")

            wait_for(
                f"nobody is connected to PostgreSQL {spec.server} as {user}",
                gone,
                seconds=spec.disconnect.total_seconds(),
                interval=0.1,
                listener=tools.listener,
                cause="a consumer that is not in secrets.yaml, or one that keeps its connections when its secret changes",
                next_step=f"restart it; or end its connections: {_end_connections(user)}",
            )
            postgres.shut_out(connection, user)


def _username(values: Values) -> str:
    """Return whose *values* they are; "" where there are none."""
    return values[USERNAME].reveal() if USERNAME in values else ""


def _login(values: Values, username: str = USERNAME, password: str = PASSWORD) -> postgres.Login:
    if missing := [key for key in (username, password) if key not in values]:
        raise InputError(f"a login of PostgreSQL has no {' and no '.join(missing)}", next_step="write it to Vault")
    return postgres.Login(values[username].reveal(), values[password])


def _admin(spec: PostgresRoleSpec, tools: Tools) -> postgres.Login:
    place = spec.admin
    stored = Vault(tools.vault(), place.mount).read(place.path)
    if stored is None or not {place.username_key, place.password_key} <= stored.values.keys():
        raise InputError(
            f"{spec.name}: Vault has no login of an administrator of PostgreSQL {spec.server} at {place.mount}/{place.path}",
            cause="it is written there once, by a person",
            next_step=f"vault kv put {place.mount}/{place.path} {place.username_key}=… {place.password_key}=…",
        )
    return _login(stored.values, place.username_key, place.password_key)


def _accepted(spec: PostgresRoleSpec, values: Values) -> bool:
    """Say whether the server lets the user of *values* in already: what was killed had come so far."""
    if not values:
        return False
    try:
        with postgres.logged_in(spec.server, _login(values)):
            return True
    except PostgresRefused:
        return False


def _nobody_is(user: str, connected: tuple[postgres.Connected, ...]) -> None:
    """
    Refuse to give a *user* a new password while somebody works with the one that it has.

    Raises:
        PostgresError: somebody does.
    """
    if connected:
        raise PostgresError(
            f"{user} is to have a new password, and is in use: {'; '.join(map(str, connected))}",
            cause="a consumer missed the last rotation, or Vault has lost the password that it uses",
            next_step=f"restart it with the Secret as it is; or end its connections: {_end_connections(user)}",
        )


def _end_connections(user: str) -> str:
    select = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename"
    return f"{select} = '{user}'"
