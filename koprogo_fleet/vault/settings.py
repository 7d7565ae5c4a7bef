"""Which Vault, and with which token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from koprogo_fleet.core.credentials_directory import variables as with_credentials
from koprogo_fleet.core.errors import InputError, MissingCredentials
from koprogo_fleet.core.secret import Secret

ADDRESS, TOKEN, CA = "VAULT_ADDR", "VAULT_TOKEN", "VAULT_CACERT"


@dataclass(frozen=True)
class VaultSettings:
    """How to reach a Vault: *ca* is the file of the authority to verify it with, or None for the system's own."""

    address: str
    token: Secret
    ca: Path | None = None

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


def from_environment(environment: Mapping[str, str] | None = None) -> VaultSettings | None:
    """
    Return what ``VAULT_ADDR``, ``VAULT_TOKEN`` and ``VAULT_CACERT`` say, or None where there is no address.

    Raises:
        MissingCredentials: an address without a token.
        InputError: the address or the file of the authority cannot be used.
    """
    variables = with_credentials(environment)
    address = variables.get(ADDRESS, "").strip()
    if not address:
        return None
    token = variables.get(TOKEN, "").strip()
    if not token:
        raise MissingCredentials(
            f"{ADDRESS} is set, but {TOKEN} is not",
            next_step=f'export {TOKEN}="$(vault token create -field=token -policy=…)", or unset {ADDRESS} to use the lab',
        )
    ca = variables.get(CA, "").strip()
    return VaultSettings(address, Secret(token), Path(ca) if ca else None)
