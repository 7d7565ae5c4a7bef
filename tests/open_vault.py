"""A key-value engine with a session of its own, as tests want it: most of them need no other engine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.vault import Vault, VaultSession
from koprogo_fleet.vault.ssh import SshAuthority


@contextmanager
def open_vault(
    address: str, token: Secret, ca: Path | None = None, mount: str = "secret", *, patience: float = 20.0
) -> Iterator[Vault]:
    """Yield the engine at *mount*, for a token that is there already."""
    with VaultSession.with_token(address, token, ca, patience=patience) as session:
        yield Vault(session, mount)


@contextmanager
def open_authority(
    address: str, token: Secret, ca: Path | None = None, mount: str = "ssh-user", *, patience: float = 20.0
) -> Iterator[SshAuthority]:
    """Yield the SSH engine at *mount*."""
    with VaultSession.with_token(address, token, ca, patience=patience) as session:
        yield SshAuthority(session, mount)
