"""Which Vault, and how to log in to it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.vault.login import GivenToken, LoginMethod
from koprogo_fleet.vault.login.environment import login_of
from koprogo_fleet.vault.session import PATIENCE, VaultSession

ADDRESS, CA, NAMESPACE = "VAULT_ADDR", "VAULT_CACERT", "VAULT_NAMESPACE"


@dataclass(frozen=True)
class VaultSettings:
    """How to reach a Vault: *ca* is the file of the authority to verify it with, or None for the system's own."""

    address: str
    login: LoginMethod
    ca: Path | None = None
    namespace: str | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.address)
        if parts.scheme != "https" or not parts.hostname:
            raise InputError(
                f"the address of Vault, {self.address!r}, is not https://host[:port]",
                cause="secrets do not travel without TLS",
                next_step=f"export {ADDRESS}=https://vault.example.org:8200",
            )
        if self.ca is not None and not self.ca.is_file():
            raise InputError(
                f"there is no file {self.ca}, which should hold Vault's certificate authority",
                next_step=f"set {CA} to a PEM file, or unset it to use the authorities of this machine",
            )

    @classmethod
    def with_token(cls, address: str, token: Secret, ca: Path | None = None) -> VaultSettings:
        """Return the settings for a token that is there already."""
        return cls(address, GivenToken(token), ca)

    def session(self, *, patience: float = PATIENCE) -> VaultSession:
        """Return a session; nothing is sent before its first call. To be closed."""
        return VaultSession(self.address, self.login, self.ca, self.namespace, patience=patience)


def from_environment(environment: Mapping[str, str] | None = None) -> VaultSettings | None:
    """
    Return what ``VAULT_ADDR``, ``VAULT_CACERT``, ``VAULT_NAMESPACE`` and the variables of one way to log in say.

    None where there is no address.

    Raises:
        MissingCredentials: an address without a way to log in.
        InputError: several ways, or half of one; or the address or the file of the authority cannot be used.
    """
    variables = os.environ if environment is None else environment
    address = variables.get(ADDRESS, "").strip()
    if not address:
        return None
    ca = variables.get(CA, "").strip()
    return VaultSettings(
        address, login_of(variables), Path(ca) if ca else None, variables.get(NAMESPACE, "").strip() or None
    )
