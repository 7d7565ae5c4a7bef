"""Which Vault the environment names."""

from __future__ import annotations

from pathlib import Path

import pytest

from koprogo_fleet.core.errors import InputError, MissingCredentials
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.vault import VaultSettings, from_environment

ADDRESS = "https://vault.example.org:8200"


def test_nothing_is_set() -> None:
    """Without an address there is no Vault."""
    assert from_environment({"VAULT_TOKEN": "t"}) is None


def test_all_is_set(tmp_path: Path) -> None:
    """Address, token and authority are taken as they are; the token does not show."""
    ca = tmp_path / "ca.pem"
    ca.touch()

    found = from_environment({"VAULT_ADDR": ADDRESS, "VAULT_TOKEN": " t\n", "VAULT_CACERT": str(ca)})

    assert found == VaultSettings.with_token(ADDRESS, Secret("t"), ca)
    assert "'t'" not in repr(found)


def test_no_token() -> None:
    """An address without a token is a mistake, not a silent fall back to the lab."""
    with pytest.raises(MissingCredentials, match="no way to log in: none of VAULT_TOKEN, "):
        from_environment({"VAULT_ADDR": ADDRESS})


@pytest.mark.parametrize("address", ["http://vault:8200", "vault:8200", "https://", "127.0.0.1"])
def test_no_tls(address: str) -> None:
    """Secrets do not travel in the clear."""
    with pytest.raises(InputError, match="is not https"):
        from_environment({"VAULT_ADDR": address, "VAULT_TOKEN": "t"})


def test_missing_authority() -> None:
    """A file that does not exist is named before anything is sent."""
    with pytest.raises(InputError, match="no file /nonexistent"):
        from_environment({"VAULT_ADDR": ADDRESS, "VAULT_TOKEN": "t", "VAULT_CACERT": "/nonexistent"})
