"""Where the secrets go that OVH gives us: Vault does it, and the engine knows no more of it than this."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.vault.client import Stored


class Keeper(Protocol):
    """Keeps secrets by path, with check-and-set; :class:`~koprogo_fleet.vault.client.Vault` is one."""

    def read(self, path: str) -> Stored | None:
        """Return what is kept at *path*, with its version; None if there never was anything."""
        ...

    def write(self, path: str, values: Mapping[str, Secret], expected_version: int) -> int:
        """
        Keep *values* as the new version, and return its number.

        Raises:
            VaultConflict: the newest version is not *expected_version*.
        """
        ...


class _NoKeeper:
    """For fleets without backups: they have no secret of OVH's."""

    def read(self, path: str) -> Stored | None:
        raise _missing(path)

    def write(self, path: str, _values: Mapping[str, Secret], _expected_version: int) -> int:
        raise _missing(path)


def _missing(path: str) -> InputError:
    return InputError(f"nothing was given that keeps {path}", next_step="give observe() and apply() their keeper")


NO_KEEPER: Keeper = _NoKeeper()
