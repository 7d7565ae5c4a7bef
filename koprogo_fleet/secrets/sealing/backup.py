"""The controller's keys in Vault: without them, nothing that was ever sealed can be opened once the cluster is gone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from koprogo_fleet.core.errors import InputError, VaultConflict, VaultError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.sealing.keys import SealingKey, in_order
from koprogo_fleet.vault import Stored, Vault

BELOW_THE_FOLDER = "sealing-keys"
TRIES = 5


def field_of(key: SealingKey) -> str:
    """Return the name of a key's field; by its fingerprint too, so that none is ever written over another."""
    digest = hashlib.sha256(key.fingerprint.encode()).hexdigest()
    return f"{key.name}-{digest[:12]}"


def stored_keys(vault: Vault, path: str) -> tuple[SealingKey, ...]:
    """
    Return the keys that Vault has, in the controller's order.

    Raises:
        VaultError: it cannot be read, or what is there is no key.
    """
    found = vault.read(path)
    return in_order(_parsed(vault, path, field, text) for field, text in (found.values if found else {}).items())


def lacking(stored: Iterable[SealingKey], keys: Iterable[SealingKey]) -> tuple[SealingKey, ...]:
    """Return those of *keys* that are not *stored* just as they are."""
    known = {field_of(key): key.document() for key in stored}
    return tuple(key for key in keys if known.get(field_of(key)) != key.document())


def back_up(vault: Vault, path: str, keys: Iterable[SealingKey]) -> int:
    """
    Put *keys* beside those that Vault has, read them back and compare; nothing that is there is taken away.

    Returns:
        the version that has them all.

    Raises:
        VaultConflict: somebody else writes there all the time.
        VaultError: it cannot be written, or gives something else back.
    """
    wanted = {field_of(key): key.document() for key in keys}
    version = _written(vault, path, wanted)
    back = vault.read(path, version)
    if back is None or any(back.values.get(field) != text for field, text in wanted.items()):
        raise VaultError(
            f"Vault does not give back what was written to {vault.mount}/{path}, version {version}",
            cause="something between us and Vault changes what passes",
            next_step=f"vault kv get {vault.mount}/{path}",
        )
    return version


def _written(vault: Vault, path: str, wanted: Mapping[str, Secret]) -> int:
    for left in reversed(range(TRIES)):
        before = vault.read(path) or Stored({}, 0)
        together = {**before.values, **wanted}
        if together == before.values:
            return before.version
        try:
            return vault.write(path, together, before.version)
        except VaultConflict:  # somebody else wrote: what they wrote is read, and kept
            if not left:
                raise
    raise AssertionError("the last try returns or raises")


def _parsed(vault: Vault, path: str, field: str, text: Secret) -> SealingKey:
    try:
        return SealingKey.of(json.loads(text.reveal()))
    except (InputError, LookupError, TypeError, ValueError):  # what is chained may show the key
        raise VaultError(
            f"the field {field} of {vault.mount}/{path} is not a sealing key",
            cause="somebody else writes there",
            next_step=f"vault kv metadata get {vault.mount}/{path}: an older version may have it",
        ) from None
