"""Sealing a text as Bitnami's kubeseal does: only the controller in the cluster can open what was sealed."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.sealing.block import LARGEST, label_of, open_block
from koprogo_fleet.secrets.sealing.certificate import SealingCertificate
from koprogo_fleet.secrets.sealing.words import Scope

__all__ = ["LARGEST", "Scope", "certificate_fingerprint", "seal", "unseal"]


def seal(value: Secret, certificate_pem: str, namespace: str, name: str, scope: Scope = Scope.STRICT) -> str:
    """
    Encrypt *value* so that only the holder of the certificate's private key can read it.

    Two calls never give the same text.

    Args:
        value: text; it is sealed as UTF-8, whatever characters it has.
        certificate_pem: of the Sealed Secrets controller.
        namespace: of the Secret to be.
        name: of the Secret to be.
        scope: what the result is bound to.

    Raises:
        InputError: the value is too large or not valid text; the certificate is expired, or not one to seal with.
    """
    certificate = SealingCertificate.parse(certificate_pem).usable()
    return certificate.seal(_content(value, namespace, name), namespace, name, scope)


def unseal(sealed: str, private_key_pem: bytes, namespace: str, name: str, scope: Scope = Scope.STRICT) -> Secret:
    """
    Decrypt what :func:`seal` gave.

    Raises:
        InputError: it was sealed for another key, name, namespace or scope, or it is damaged.
    """
    private_key = serialization.load_pem_private_key(private_key_pem, password=None)
    if not isinstance(private_key, rsa.RSAPrivateKey):
        raise InputError("the private key is not an RSA key")
    try:
        content = open_block(sealed, private_key, label_of(namespace, name, scope))
        if content is not None:
            return Secret(content.decode())
    except UnicodeDecodeError:  # not chained: that error shows the value
        pass
    raise InputError(
        f"the key does not open what was sealed for {namespace}/{name} ({scope})",
        cause="it was sealed for another cluster, name, namespace or scope, or it is damaged",
    )


def certificate_fingerprint(certificate_pem: str) -> str:
    """Return the fingerprint of the certificate's key, as the controller logs it: ``SHA256:…``."""
    return SealingCertificate.parse(certificate_pem).fingerprint


def _content(value: Secret, namespace: str, name: str) -> bytes:
    try:
        return value.reveal().encode()
    except UnicodeEncodeError:
        # Not chained: that error shows the value.
        raise InputError(
            f"a value of the secret {namespace}/{name} is not valid text: it has half a surrogate pair",
            next_step="write it to Vault again",
        ) from None
