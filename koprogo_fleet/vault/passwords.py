"""Passwords that must be kept before they are used."""

from __future__ import annotations

import secrets

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.vault.client import Vault

KEY = "password"
_BYTES = 24


def ensure_password(vault: Vault, path: str) -> Secret:
    """
    Return the password that is kept at *path*; if there is none, make one and write it first.

    Whoever sets it on a machine afterwards may die at any moment: the next run gets the same one.

    Raises:
        VaultConflict: another run wrote it at the same moment; the next call returns that one.
        VaultError: as :meth:`Vault.read` and :meth:`Vault.write`.
    """
    stored = vault.read(path)
    if stored is not None and KEY in stored.values:
        return stored.values[KEY]
    password = Secret(secrets.token_urlsafe(_BYTES))
    kept = dict(stored.values) if stored is not None else {}
    vault.write(path, {**kept, KEY: password}, expected_version=stored.version if stored is not None else 0)
    return password
