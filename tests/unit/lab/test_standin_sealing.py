"""The lab's controller opens what real Sealed Secrets clients seal, and nothing else."""

from __future__ import annotations

import base64
import os
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.lab.standin.node import sealing


@cache
def _key() -> tuple[rsa.RSAPrivateKey, rsa.RSAPublicKey]:
    private_pem, certificate_pem = sealing.make_key()
    public = x509.load_pem_x509_certificate(certificate_pem).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    return sealing.load_key(private_pem), public


def _seal(value: bytes, label: bytes) -> str:
    """Seal as kubeseal does: the length, the session key for the controller's key, the value for the session key."""
    session_key = os.urandom(32)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), label or None)
    wrapped = _key()[1].encrypt(session_key, oaep)
    encrypted = AESGCM(session_key).encrypt(bytes(12), value, None)
    return base64.b64encode(len(wrapped).to_bytes(2, "big") + wrapped + encrypted).decode()


def _sealed_secret(label: bytes, annotations: dict[str, str], template: dict[str, Any]) -> dict[str, Any]:
    return {
        "metadata": {"name": "db", "namespace": "koprogo", "uid": "u-1", "annotations": annotations},
        "spec": {"encryptedData": {"password": _seal(b"s3cret", label)}, "template": template},
    }


@pytest.mark.parametrize(
    ("label", "annotations"),
    [
        (b"koprogo/db", {}),
        (b"koprogo", {"sealedsecrets.bitnami.com/namespace-wide": "true"}),
        (b"", {"sealedsecrets.bitnami.com/cluster-wide": "true"}),
    ],
)
def test_every_scope_is_opened(label: bytes, annotations: dict[str, str]) -> None:
    """A value is found under the label of its scope, and becomes an owned Secret with the template's type and labels."""
    template = {"type": "kubernetes.io/basic-auth", "metadata": {"labels": {"a": "b"}}}
    secret = sealing.unseal(_sealed_secret(label, annotations, template), [_key()[0]])

    assert secret["data"] == {"password": base64.b64encode(b"s3cret").decode()}
    assert (secret["type"], secret["metadata"]["labels"]) == ("kubernetes.io/basic-auth", {"a": "b"})
    assert secret["metadata"]["ownerReferences"][0]["uid"] == "u-1"


def test_a_moved_secret_stays_closed() -> None:
    """A value that was sealed for another name cannot be opened here."""
    with pytest.raises(InputError, match="no key could decrypt secret"):
        sealing.unseal(_sealed_secret(b"koprogo/other", {}, {}), [_key()[0]])


@pytest.mark.parametrize(
    ("sealed", "message"),
    [("###", "illegal base64"), ("AgAA", "too short"), ("AAA=", "no key could decrypt secret")],
)
def test_damaged_text_is_named(sealed: str, message: str) -> None:
    """Text that is cut or is no base64 gives the controller's own error."""
    with pytest.raises(InputError, match=message):
        sealing.decrypt(sealed, b"koprogo/db", [_key()[0]])


def test_a_secret_may_outlive_its_sealed_form() -> None:
    """The template can ask for no owner."""
    template = {"metadata": {"annotations": {"sealedsecrets.bitnami.com/skip-set-owner-references": "true"}}}
    secret = sealing.unseal(_sealed_secret(b"koprogo/db", {}, template), [_key()[0]])

    assert "ownerReferences" not in secret["metadata"]


def test_sealed_again() -> None:
    """A value that is sealed again opens with the new key alone, under the scope that it had; what no key opens is refused."""
    private_pem, certificate = sealing.make_key()
    sealed = _sealed_secret(b"koprogo", {"sealedsecrets.bitnami.com/namespace-wide": "true"}, {})

    rotated = sealing.rotate(sealed, [_key()[0]], certificate)

    assert (
        base64.b64encode(b"s3cret").decode()
        == sealing.unseal(rotated, [sealing.load_key(private_pem)])["data"]["password"]
    )
    assert sealed["metadata"] == rotated["metadata"]
    with pytest.raises(InputError, match="no key could decrypt"):
        sealing.rotate(rotated, [_key()[0]], certificate)


def test_a_file_that_was_never_applied() -> None:
    """A manifest without a uid can be opened, as the real controller verifies it."""
    sealed = _sealed_secret(b"koprogo/db", {}, {})
    del sealed["metadata"]["uid"]

    assert sealing.unseal(sealed, [_key()[0]])["data"]
