"""A certificate to seal with, read once for however many values."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.secrets.sealing.block import seal_block
from koprogo_fleet.secrets.sealing.words import Scope

FETCH = "kubectl get --raw /api/v1/namespaces/kube-system/services/http:sealed-secrets-controller:/proxy/v1/cert.pem"


@dataclass(frozen=True)
class SealingCertificate:
    """
    What the controller shows, and anyone may seal with.

    Attributes:
        pem: its text, as it came.
        key: the public key.
        issuer: who signed it: the controller itself, by the name that it was given.
        begins: since when it is valid: of two, the controller seals with the one that begins later.
        ends: until when.
    """

    pem: str
    key: rsa.RSAPublicKey
    issuer: str
    begins: datetime
    ends: datetime

    @classmethod
    def parse(cls, pem: str) -> SealingCertificate:
        """
        Read the first certificate of *pem*.

        Raises:
            InputError: there is none, or none with an RSA key.
        """
        try:
            read = x509.load_pem_x509_certificate(pem.encode())
        except ValueError as error:
            raise InputError("the sealing certificate is not a PEM certificate", next_step=FETCH) from error
        key = read.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            raise InputError("the sealing certificate has no RSA key: nothing can be sealed with it", next_step=FETCH)
        return cls(pem, key, read.issuer.rfc4514_string(), read.not_valid_before_utc, read.not_valid_after_utc)

    @cached_property
    def fingerprint(self) -> str:
        """The fingerprint of the key, as the controller logs it and OpenSSH shows it: ``SHA256:…``."""
        line = self.key.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
        return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"

    def usable(self) -> SealingCertificate:
        """
        Return it, unless it has expired.

        Raises:
            InputError: it has.
        """
        if self.ends < datetime.now(UTC):
            raise InputError(
                f"the sealing certificate expired on {self.ends:%Y-%m-%d}",
                cause="it is an old one, or the clock of this machine is wrong",
                next_step=FETCH,
            )
        return self

    def seal(self, content: bytes, namespace: str, name: str, scope: Scope = Scope.STRICT) -> str:
        """Return *content* sealed, see :func:`~koprogo_fleet.secrets.sealing.block.seal_block`."""
        return seal_block(content, self.key, namespace, name, scope)
