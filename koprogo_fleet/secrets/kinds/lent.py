"""What kinds need of Vault, OVH and K3s, and under which name upper layers lend it (:attr:`Tools.services`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any, Protocol

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.secrets.kinds.kind import Tools
from koprogo_fleet.secrets.spec import Values
from koprogo_fleet.vault.client import Stored

VAULT_VALUES = "vault-values"
"""``(path) -> Stored | None``: the newest version at a path below the fleet's mount."""

VAULT_PKI = "vault-pki"
"""``(mount) -> Authority``."""

OBJECT_STORAGE = "object-storage"
"""``() -> OvhApi``."""

K3S_TOKEN = "k3s-token"  # noqa: S105 - the name of a service
"""``("server" | "agent") -> K3sToken``."""


class IssuedCertificate(Protocol):
    """A certificate with its key; *chain* are the authorities above it, the nearest first, all in PEM."""

    @property
    def certificate(self) -> str:
        """In PEM."""

    @property
    def private_key(self) -> Secret:
        """In PEM."""

    @property
    def chain(self) -> tuple[str, ...]:
        """In PEM each."""


class Authority(Protocol):
    """One mount of Vault's PKI engine."""

    def issue(
        self, role: str, common_name: str, alt_names: Sequence[str] = (), ttl: timedelta | None = None
    ) -> IssuedCertificate:
        """Return a new key and its certificate."""

    def revoke(self, serial: str) -> None:
        """Put a certificate on the list of revoked ones; once more is fine."""


class K3sToken(Protocol):
    """One of K3s' two tokens."""

    def current(self) -> Secret:
        """Return the one that Vault has for the cluster."""

    def rotate(self) -> None:
        """Make a new one, go on with a rotation that was interrupted, and return when the whole cluster has it."""

    def prove(self, token: Secret) -> None:
        """
        Ask every server whether it accepts *token*.

        Raises:
            ProofFailed: one does not.
        """


def kept_values(tools: Tools, path: str) -> Values:
    """
    Return what Vault has at *path*, below the fleet's mount.

    Raises:
        InputError: nothing.
    """
    stored: Stored | None = _service(tools, VAULT_VALUES)(path)
    if stored is None or not stored.values:
        raise InputError(f"Vault has nothing at {path}", next_step=f"vault kv get -mount=… {path}")
    return stored.values


def kept_value(tools: Tools, path: str, key: str) -> Secret:
    """
    Return one value that Vault has.

    Raises:
        InputError: there is none.
    """
    values = kept_values(tools, path)
    if key not in values:
        raise InputError(f"{path} in Vault has no {key}", next_step=f"vault kv patch -mount=… {path} {key}=-")
    return values[key]


def authority(tools: Tools, mount: str) -> Authority:
    """Return Vault's PKI engine at *mount*."""
    found: Authority = _service(tools, VAULT_PKI)(mount)
    return found


def ovh(tools: Tools) -> OvhApi:
    """Return the OVH API."""
    found: OvhApi = _service(tools, OBJECT_STORAGE)()
    return found


def k3s_token(tools: Tools, name: str) -> K3sToken:
    """Return the token *name*: "server" or "agent"."""
    found: K3sToken = _service(tools, K3S_TOKEN)(name)
    return found


def _service(tools: Tools, name: str) -> Callable[..., Any]:
    if name not in tools.services:
        raise InputError(
            f"nobody lends {name} to the kinds of secrets here",
            cause="the script that made the Tools left it out",
            next_step=f"give Tools a service {name}",
        )
    return tools.services[name]
