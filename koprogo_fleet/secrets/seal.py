"""
Sealing as Bitnami's kubeseal does: only the controller in the cluster can open what was sealed.

A sealed value is, in base64: the length of the RSA block (2 bytes, big-endian), a fresh session key encrypted with
RSA-OAEP (SHA-256, labelled with the scope), and the value encrypted with that key by AES-256-GCM. The nonce is zero,
since a session key is used once.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import UTC, datetime
from enum import StrEnum

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret

LARGEST = 1024 * 1024
"""Bytes; Kubernetes stores no larger Secret."""

SESSION_KEY_SIZE = 32
NONCE = bytes(12)
LENGTH_SIZE = 2


class Scope(StrEnum):
    """What a sealed value is bound to: its name and namespace, its namespace, or nothing."""

    STRICT = "strict"
    NAMESPACE_WIDE = "namespace-wide"
    CLUSTER_WIDE = "cluster-wide"


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
    public_key = _public_key(certificate_pem)
    session_key = secrets.token_bytes(SESSION_KEY_SIZE)
    wrapped_key = public_key.encrypt(session_key, _oaep(namespace, name, scope))
    content = AESGCM(session_key).encrypt(NONCE, _content(value, namespace, name), None)
    return base64.b64encode(len(wrapped_key).to_bytes(LENGTH_SIZE, "big") + wrapped_key + content).decode()


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
        block = base64.b64decode(sealed, validate=True)
        start = LENGTH_SIZE + int.from_bytes(block[:LENGTH_SIZE], "big")
        session_key = private_key.decrypt(block[LENGTH_SIZE:start], _oaep(namespace, name, scope))
        return Secret(AESGCM(session_key).decrypt(NONCE, block[start:], None).decode())
    except (ValueError, InvalidTag) as error:
        raise InputError(
            f"the key does not open what was sealed for {namespace}/{name} ({scope})",
            cause="it was sealed for another cluster, name, namespace or scope, or it is damaged",
        ) from error


def certificate_fingerprint(certificate_pem: str) -> str:
    """Return the fingerprint of the certificate's key, as the controller logs it: ``SHA256:…``."""
    key = _public_key(certificate_pem).public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    digest = hashlib.sha256(base64.b64decode(key.split()[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def _content(value: Secret, namespace: str, name: str) -> bytes:
    try:
        content = value.reveal().encode()
    except UnicodeEncodeError:
        # Not chained: that error shows the value.
        raise InputError(
            f"a value of the secret {namespace}/{name} is not valid text: it has half a surrogate pair",
            next_step="write it to Vault again",
        ) from None
    if len(content) > LARGEST:
        raise InputError(
            f"a value of the secret {namespace}/{name} has {len(content)} bytes: Kubernetes takes {LARGEST} at most",
            next_step="keep large content elsewhere (a volume, an object store), and its key in the secret",
        )
    return content


def _public_key(certificate_pem: str) -> rsa.RSAPublicKey:
    next_step = (
        "kubectl get --raw /api/v1/namespaces/kube-system/services/http:sealed-secrets-controller:/proxy/v1/cert.pem"
    )
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    except ValueError as error:
        raise InputError("the sealing certificate is not a PEM certificate", next_step=next_step) from error
    if certificate.not_valid_after_utc < datetime.now(UTC):
        raise InputError(
            f"the sealing certificate expired on {certificate.not_valid_after_utc:%Y-%m-%d}",
            cause="it is an old one, or the clock of this machine is wrong",
            next_step=next_step,
        )
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise InputError("the sealing certificate has no RSA key: nothing can be sealed with it", next_step=next_step)
    return key


def _oaep(namespace: str, name: str, scope: Scope) -> padding.OAEP:
    label = {Scope.STRICT: f"{namespace}/{name}", Scope.NAMESPACE_WIDE: namespace, Scope.CLUSTER_WIDE: ""}[scope]
    return padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label.encode() or None)
