"""Vault or OpenBao: the place where the fleet's secrets are kept. The only package that imports hvac."""

from __future__ import annotations

from koprogo_fleet.vault.client import Stored, Vault
from koprogo_fleet.vault.settings import VaultSettings, from_environment

__all__ = ["Stored", "Vault", "VaultSettings", "from_environment"]
