"""K3s' tokens: who may join, and which cluster is the right one."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from koprogo_fleet.core.errors import InputError, KubernetesError
from koprogo_fleet.core.secret import Secret

PREFIX = "K10"
HASH_LENGTH = 64


def ca_hash(ca_pem: bytes) -> str:
    """Return what a full token says about the cluster's CA: the SHA-256 of its PEM file."""
    return hashlib.sha256(ca_pem).hexdigest()


@dataclass(frozen=True)
class Token:
    """A token in its parts; the short form has neither *user* nor *ca_hash*."""

    password: Secret
    user: str | None = None
    ca_hash: str | None = None

    def full(self, ca_pem: bytes, *, user: str) -> Secret:
        """Return the long form for *user* of the cluster with this CA."""
        return Secret(f"{PREFIX}{ca_hash(ca_pem)}::{user}:{self.password.reveal()}")

    def check_ca(self, ca_pem: bytes) -> None:
        """
        Check that a server's CA is the one that the token names; the short form accepts any.

        Raises:
            KubernetesError: it is another one, in K3s' words.
        """
        found = ca_hash(ca_pem)
        if self.ca_hash is not None and self.ca_hash != found:
            raise KubernetesError(
                f"token CA hash does not match the Cluster CA certificate hash: {self.ca_hash} != {found}"
            )


def parse(text: str) -> Token:
    """
    Take a token apart.

    Raises:
        InputError: it is not a token, in K3s' words; never says the token itself.
    """
    text = text.strip()
    if not text.startswith(PREFIX):
        if not text or re.search(r"\s", text):
            raise InputError("invalid token format")
        return Token(Secret(text))
    digest, separator, credentials = text.removeprefix(PREFIX).partition("::")
    if not separator:
        raise InputError("invalid token format")
    if len(digest) != HASH_LENGTH:
        raise InputError("invalid token CA hash length")
    user, separator, password = credentials.partition(":")
    if not (separator and user and password):
        raise InputError("invalid token format")
    return Token(Secret(password), user, digest)
