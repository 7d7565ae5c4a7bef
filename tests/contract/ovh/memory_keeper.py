"""A keeper of secrets in memory, instead of Vault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from koprogo_fleet.core.errors import VaultConflict
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.vault.client import Stored


@dataclass
class MemoryKeeper:
    """Keeps secrets in memory: the protocol's other implementation."""

    kept: dict[str, Stored] = field(default_factory=dict)
    writes: int = 0

    def read(self, path: str) -> Stored | None:
        """Return the newest version."""
        return self.kept.get(path)

    def write(self, path: str, values: Mapping[str, Secret], expected_version: int) -> int:
        """Keep it, if nobody has written meanwhile."""
        before = self.kept.get(path)
        if expected_version != (before.version if before else 0):
            raise VaultConflict(f"write {path}: somebody else has written it meanwhile")
        self.writes += 1
        self.kept[path] = Stored(dict(values), expected_version + 1)
        return expected_version + 1
