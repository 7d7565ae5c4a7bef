"""
The sealed form of one value, byte for byte as the controller has it. Pure.

A sealed value is, in base64: the length of the RSA block (2 bytes, big-endian), a fresh session key encrypted with
RSA-OAEP (SHA-256, labelled with the scope), and the value encrypted with that key by AES-256-GCM. The nonce is zero,
since a session key is used once.
"""

from __future__ import annotations

import base64
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.secrets.sealing.words import Scope

LARGEST = 1024 * 1024
"""Bytes; Kubernetes stores no larger Secret."""

SESSION_KEY_SIZE = 32
NONCE = bytes(12)
LENGTH_SIZE = 2


def label_of(namespace: str, name: str, scope: Scope) -> bytes:
    """Return the bytes that bind a value to its place."""
    label = {Scope.STRICT: f"{namespace}/{name}", Scope.NAMESPACE_WIDE: namespace, Scope.CLUSTER_WIDE: ""}[scope]
    return label.encode()


def seal_block(content: bytes, key: rsa.RSAPublicKey, namespace: str, name: str, scope: Scope) -> str:
    """
    Encrypt *content*; two calls never give the same text.

    Raises:
        InputError: it is larger than Kubernetes takes.
    """
    if len(content) > LARGEST:
        raise InputError(
            f"a value of the secret {namespace}/{name} has {len(content)} bytes: Kubernetes takes {LARGEST} at most",
            next_step="keep large content elsewhere (a volume, an object store), and its key in the secret",
        )
    session_key = secrets.token_bytes(SESSION_KEY_SIZE)
    wrapped_key = key.encrypt(session_key, _oaep(label_of(namespace, name, scope)))
    encrypted = AESGCM(session_key).encrypt(NONCE, content, None)
    return base64.b64encode(len(wrapped_key).to_bytes(LENGTH_SIZE, "big") + wrapped_key + encrypted).decode()


def open_block(sealed: str, key: rsa.RSAPrivateKey, label: bytes) -> bytes | None:
    """Decrypt what :func:`seal_block` gave; None where the key or the label is another, or the text is damaged."""
    try:
        block = base64.b64decode(sealed, validate=True)
        start = LENGTH_SIZE + int.from_bytes(block[:LENGTH_SIZE], "big")
        session_key = key.decrypt(block[LENGTH_SIZE:start], _oaep(label))
        return AESGCM(session_key).decrypt(NONCE, block[start:], None)
    except (ValueError, InvalidTag):
        return None


def _oaep(label: bytes) -> padding.OAEP:
    return padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label or None)
