"""Vault or OpenBao: the place where the fleet's secrets are kept. The only package that imports hvac."""

from __future__ import annotations

from koprogo_fleet.vault.client import Stored, Vault
from koprogo_fleet.vault.metadata import Metadata, Version
from koprogo_fleet.vault.session import VaultSession
from koprogo_fleet.vault.settings import VaultSettings, from_environment

__all__ = ["Metadata", "Stored", "Vault", "VaultSession", "VaultSettings", "Version", "from_environment"]
