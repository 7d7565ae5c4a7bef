"""Passwords are kept before they are used."""

from __future__ import annotations

from uuid import uuid4

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.vault import Vault
from koprogo_fleet.vault.passwords import ensure_password


def test_made_once(vault: Vault) -> None:
    """The first call makes a password that nobody chose; every other one returns it."""
    path = f"koprogo/{uuid4()}"

    password = ensure_password(vault, path)

    assert len(password.reveal()) >= 32
    assert ensure_password(vault, path) == password
    assert ensure_password(vault, f"koprogo/{uuid4()}") != password


def test_what_else_is_there_stays(vault: Vault) -> None:
    """Other values at the same path are kept."""
    path = f"koprogo/{uuid4()}"
    vault.write(path, {"user": Secret("debian")}, expected_version=0)

    password = ensure_password(vault, path)

    stored = vault.read(path)
    assert stored is not None
    assert {"user": Secret("debian"), "password": password} == stored.values
