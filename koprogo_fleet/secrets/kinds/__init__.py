"""The kinds of secrets, one a file. A new kind is a file here, and a line in :data:`KINDS`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koprogo_fleet.secrets.kinds.kind import Kind
from koprogo_fleet.secrets.kinds.random_password import RandomPassword
from koprogo_fleet.secrets.kinds.signing_key import SigningKey
from koprogo_fleet.secrets.kinds.static import Static

KINDS: tuple[Kind[Any], ...] = (
    RandomPassword(),
    SigningKey(),
    Static(),
)

BY_NAME: Mapping[str, Kind[Any]] = {kind.name: kind for kind in KINDS}
"""The same, as ``kind:`` of secrets.yaml names them."""
