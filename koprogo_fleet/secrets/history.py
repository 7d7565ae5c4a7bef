"""What Vault's older versions tell of one secret, whose path may hold others that changed at other times."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from koprogo_fleet.secrets.bundle import fields_in
from koprogo_fleet.secrets.rotation.record import Closed, Store
from koprogo_fleet.secrets.spec import SecretSpec
from koprogo_fleet.vault import Stored


def since(vault: Store, spec: SecretSpec, newest: Stored, closed: Closed | None) -> datetime | None:
    """
    Return since when the secret has had the values of the *newest* version; None where nobody knows.

    Vault keeps some ten versions: of an older change the record of the last rotation tells, as far as that is known.
    """
    values, found = fields_in(spec, newest), newest.created
    if closed is not None and closed.kept is not None and closed.version == newest.version:
        return closed.kept
    for stored in _older(vault, spec, newest):
        if fields_in(spec, stored) != values:
            break
        if closed is not None and closed.kept is not None and closed.version == stored.version:
            return closed.kept
        found = stored.created
    return found


def former(vault: Store, spec: SecretSpec, newest: Stored) -> Stored | None:
    """Return the newest version in which the secret had other values, whole; None where Vault has none any more."""
    values = fields_in(spec, newest)
    for stored in _older(vault, spec, newest):
        found = fields_in(spec, stored)
        if found != values and len(found) == len(spec.FIELDS):
            return stored
    return None


def _older(vault: Store, spec: SecretSpec, newest: Stored) -> Iterator[Stored]:
    for version in range(newest.version - 1, 0, -1):
        if (stored := vault.read(spec.vault.path, version)) is None:
            return
        yield stored
