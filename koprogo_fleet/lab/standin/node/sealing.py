"""Unsealing SealedSecrets: the cryptography and the objects, as sealed-secrets 0.36 has them; no I/O."""

from __future__ import annotations

import base64
import datetime as dt
import os
from collections.abc import Iterable
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from koprogo_fleet.core.errors import InputError

GROUP = "bitnami.com"
KIND = "SealedSecret"
KEY_LABEL = "sealedsecrets.bitnami.com/sealed-secrets-key"
ANNOTATION = "sealedsecrets.bitnami.com"
KEY_BITS = 4096
KEY_DAYS = 3650
LENGTH_BYTES = 2
SESSION_KEY_BYTES = 32
ZERO_NONCE = bytes(12)
"""Safe, since each session key encrypts one value only."""


def make_key() -> tuple[bytes, bytes]:
    """Return a new sealing key and its self-signed certificate, both PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sealed-secrets")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=KEY_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    return pem, certificate.public_bytes(serialization.Encoding.PEM)


def load_key(pem: bytes) -> rsa.RSAPrivateKey:
    """
    Return a private key of a sealing Secret.

    Raises:
        InputError: it is not an RSA key.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except ValueError as error:
        raise InputError(f"unreadable sealing key: {error}") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise InputError("expected RSA private key")
    return key


def label_of(metadata: dict[str, Any]) -> bytes:
    """Return what a SealedSecret's values are bound to: its scope, taken from its annotations."""
    annotations = metadata.get("annotations") or {}
    if annotations.get(f"{ANNOTATION}/cluster-wide") == "true":
        return b""
    if annotations.get(f"{ANNOTATION}/namespace-wide") == "true":
        return str(metadata["namespace"]).encode()
    return f"{metadata['namespace']}/{metadata['name']}".encode()


def decrypt(sealed: str, label: bytes, keys: Iterable[rsa.RSAPrivateKey]) -> bytes:
    """
    Return the plain value of one item of ``encryptedData``.

    Raises:
        InputError: no key fits, the label is another one, or the text is damaged; in the controller's words.
    """
    try:
        blob = base64.b64decode(sealed, validate=True)
    except ValueError as error:
        raise InputError(f"illegal base64 data: {error}") from error
    length = int.from_bytes(blob[:LENGTH_BYTES], "big")
    if len(blob) < LENGTH_BYTES + length:
        raise InputError("SealedSecret data is too short")
    wrapped, encrypted = blob[LENGTH_BYTES : LENGTH_BYTES + length], blob[LENGTH_BYTES + length :]
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label or None)
    for key in keys:
        try:
            session_key = key.decrypt(wrapped, oaep)
            return AESGCM(session_key).decrypt(ZERO_NONCE, encrypted, None)
        except (ValueError, InvalidTag):
            continue
    raise InputError("no key could decrypt secret")


def encrypt(value: bytes, label: bytes, certificate: bytes) -> str:
    """Return one item of ``encryptedData``."""
    key = x509.load_pem_x509_certificate(certificate).public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise InputError("expected RSA public key")
    session_key = os.urandom(SESSION_KEY_BYTES)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label or None)
    wrapped = key.encrypt(session_key, oaep)
    blob = len(wrapped).to_bytes(LENGTH_BYTES, "big") + wrapped + AESGCM(session_key).encrypt(ZERO_NONCE, value, None)
    return base64.b64encode(blob).decode()


def rotate(sealed_secret: dict[str, Any], keys: Iterable[rsa.RSAPrivateKey], certificate: bytes) -> dict[str, Any]:
    """
    Return a SealedSecret with its values sealed again; its scope stays, as since 0.36.0.

    Raises:
        InputError: a value cannot be decrypted.
    """
    known_keys, label = tuple(keys), label_of(sealed_secret["metadata"])
    data = {
        name: encrypt(decrypt(value, label, known_keys), label, certificate)
        for name, value in (sealed_secret["spec"].get("encryptedData") or {}).items()
    }
    return {**sealed_secret, "spec": {**sealed_secret["spec"], "encryptedData": data}}


def unseal(sealed_secret: dict[str, Any], keys: Iterable[rsa.RSAPrivateKey]) -> dict[str, Any]:
    """
    Return the Secret that a SealedSecret stands for.

    Raises:
        InputError: a value cannot be decrypted, or the template asks for what the stand-in lacks.
    """
    metadata, spec = sealed_secret["metadata"], sealed_secret["spec"]
    template = spec.get("template") or {}
    if template.get("data"):
        raise InputError("stand-in: spec.template.data (Go templates) is not supported by the lab's controller")
    known_keys = tuple(keys)
    label = label_of(metadata)
    data = {
        name: base64.b64encode(decrypt(value, label, known_keys)).decode()
        for name, value in (spec.get("encryptedData") or {}).items()
    }
    template_metadata = template.get("metadata") or {}
    secret: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "labels": template_metadata.get("labels") or {},
            "annotations": template_metadata.get("annotations") or {},
        },
        "type": template.get("type") or "Opaque",
        "data": data,
    }
    if "immutable" in template:
        secret["immutable"] = template["immutable"]
    if secret["metadata"]["annotations"].get(f"{ANNOTATION}/skip-set-owner-references") != "true":
        secret["metadata"]["ownerReferences"] = [owner_reference(sealed_secret)]
    return secret


def owner_reference(sealed_secret: dict[str, Any]) -> dict[str, Any]:
    """Return the reference by which a Secret is deleted with its SealedSecret."""
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": KIND,
        "name": sealed_secret["metadata"]["name"],
        "uid": sealed_secret["metadata"].get("uid", ""),  # a file that is to be verified has none yet
        "controller": True,
        "blockOwnerDeletion": True,
    }
