"""The kinds of secrets, one a file. A new kind is a file here, and a line in :data:`KINDS`."""

from __future__ import annotations

from typing import Any

from koprogo_fleet.secrets.kinds.kind import Kind
from koprogo_fleet.secrets.kinds.postgres_role import PostgresRole
from koprogo_fleet.secrets.kinds.random_password import RandomPassword

KINDS: tuple[Kind[Any], ...] = (RandomPassword(), PostgresRole())
