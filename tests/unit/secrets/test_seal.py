"""Sealing, byte for byte as the controller expects it."""

from __future__ import annotations

import base64
import subprocess
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab.standin.node import sealing
from koprogo_fleet.secrets.seal import LARGEST, Scope, certificate_fingerprint, seal, unseal

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import KeyPair

HOSTILE = [
    "",
    "\0",
    "a\0b",
    "\"'`$(reboot)\\",
    "one\ntwo\r\n",
    " \t ",
    "🏠\U0001d50e\U0010ffff",
    "-----BEGIN",
    "{{ .Values }}",
]


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("value", HOSTILE)
def test_round_trip(pair: KeyPair, value: str, scope: Scope) -> None:
    """Whatever text is sealed comes out the same."""
    sealed = seal(Secret(value), pair.certificate, "koprogo", "api", scope)

    assert unseal(sealed, pair.private_key, "koprogo", "api", scope) == Secret(value)


@settings(max_examples=20, deadline=None)  # RSA takes its time
@given(value=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text(pair: KeyPair, value: str) -> None:
    """There is no text that does not survive."""
    sealed = seal(Secret(value), pair.certificate, "koprogo", "api")

    assert unseal(sealed, pair.private_key, "koprogo", "api") == Secret(value)


def test_layout(pair: KeyPair) -> None:
    """The block is length, RSA-OAEP-SHA256 with the label namespace/name, then AES-256-GCM with a zero nonce."""
    block = base64.b64decode(seal(Secret("é"), pair.certificate, "koprogo", "api"), validate=True)
    private_key = serialization.load_pem_private_key(pair.private_key, password=None)
    assert isinstance(private_key, rsa.RSAPrivateKey)
    oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), b"koprogo/api")

    session_key = private_key.decrypt(block[2:258], oaep)

    assert block[:2] == b"\x01\x00"
    assert len(session_key) == 32
    assert AESGCM(session_key).decrypt(bytes(12), block[258:], None) == "é".encode()
    assert len(block) == 2 + 256 + len("é".encode()) + 16


@pytest.mark.parametrize(
    ("scope", "annotations"),
    [
        (Scope.STRICT, {}),
        (Scope.NAMESPACE_WIDE, {"sealedsecrets.bitnami.com/namespace-wide": "true"}),
        (Scope.CLUSTER_WIDE, {"sealedsecrets.bitnami.com/cluster-wide": "true"}),
    ],
)
def test_the_labs_controller_opens_it(pair: KeyPair, scope: Scope, annotations: dict[str, str]) -> None:
    """What we seal is opened by the lab's controller, which was written apart from this."""
    label = sealing.label_of({"namespace": "koprogo", "name": "api", "annotations": annotations})
    sealed = seal(Secret("x\0é"), pair.certificate, "koprogo", "api", scope)

    assert sealing.decrypt(sealed, label, [sealing.load_key(pair.private_key)]) == "x\0é".encode()


def test_never_twice_the_same(pair: KeyPair) -> None:
    """Equal values cannot be told from what is sealed."""
    assert len({seal(Secret("x"), pair.certificate, "n", "s") for _ in range(8)}) == 8


@pytest.mark.parametrize(
    ("scope", "namespace", "name", "opens"),
    [
        (Scope.STRICT, "koprogo", "api", True),
        (Scope.STRICT, "koprogo", "other", False),
        (Scope.STRICT, "other", "api", False),
        (Scope.NAMESPACE_WIDE, "koprogo", "other", True),
        (Scope.NAMESPACE_WIDE, "other", "api", False),
        (Scope.CLUSTER_WIDE, "other", "other", True),
    ],
)
def test_scope(pair: KeyPair, scope: Scope, namespace: str, name: str, opens: bool) -> None:  # noqa: FBT001
    """What is sealed opens where its scope says, and nowhere else."""
    sealed = seal(Secret("x"), pair.certificate, "koprogo", "api", scope)

    if opens:
        assert unseal(sealed, pair.private_key, namespace, name, scope) == Secret("x")
    else:
        with pytest.raises(InputError, match="does not open"):
            unseal(sealed, pair.private_key, namespace, name, scope)


def test_other_cluster(pair: KeyPair, other_pair: KeyPair) -> None:
    """The key of another cluster opens nothing."""
    with pytest.raises(InputError, match="does not open"):
        unseal(seal(Secret("x"), pair.certificate, "n", "s"), other_pair.private_key, "n", "s")


@pytest.mark.parametrize("position", [0, 2, 100, 258, -1])
def test_damage(pair: KeyPair, position: int) -> None:
    """One wrong bit anywhere is found."""
    block = bytearray(base64.b64decode(seal(Secret("value"), pair.certificate, "n", "s")))
    block[position] ^= 1

    with pytest.raises(InputError, match="does not open"):
        unseal(base64.b64encode(block).decode(), pair.private_key, "n", "s")


@pytest.mark.parametrize("sealed", ["", "Ag==", "%%%", "AgAA"])
def test_not_sealed(pair: KeyPair, sealed: str) -> None:
    """What was never sealed is an explained error."""
    with pytest.raises(InputError, match="does not open"):
        unseal(sealed, pair.private_key, "n", "s")


def test_largest(pair: KeyPair) -> None:
    """1 MiB is sealed; one byte more, counted in UTF-8, is refused without being shown."""
    largest = "é" * (LARGEST // 2)
    sealed = seal(Secret(largest), pair.certificate, "n", "s")
    assert unseal(sealed, pair.private_key, "n", "s") == Secret(largest)

    with pytest.raises(InputError, match=r"n/s has 1048577 bytes") as caught:
        seal(Secret(f"{largest}x"), pair.certificate, "n", "s")
    assert "é" not in str(caught.value)


def test_half_a_surrogate_pair(pair: KeyPair) -> None:
    """Text that has no UTF-8 form is refused, and the error does not carry it along."""
    with pytest.raises(InputError, match="not valid text") as caught:
        seal(Secret("\ud800"), pair.certificate, "n", "s")

    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_expired_certificate(expired_pair: KeyPair) -> None:
    """Nothing is sealed with an expired certificate."""
    with pytest.raises(InputError, match="expired on"):
        seal(Secret("x"), expired_pair.certificate, "n", "s")


def test_certificate_without_rsa(elliptic_pair: KeyPair) -> None:
    """Nothing is sealed with another kind of key."""
    with pytest.raises(InputError, match="no RSA key"):
        seal(Secret("x"), elliptic_pair.certificate, "n", "s")


@pytest.mark.parametrize("text", ["", "<html>", "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"])
def test_no_certificate(text: str) -> None:
    """Nothing is sealed with what is no certificate."""
    with pytest.raises(InputError, match="not a PEM certificate"):
        seal(Secret("x"), text, "n", "s")


def test_fingerprint(pair: KeyPair, tmp_path: Path) -> None:
    """The fingerprint is the one that OpenSSH gives for the same key, as the controller logs it."""
    private_key = serialization.load_pem_private_key(pair.private_key, password=None)
    line = private_key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    (tmp_path / "key.pub").write_bytes(line)
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", tmp_path / "key.pub"], capture_output=True, text=True, timeout=10, check=True
    ).stdout

    assert certificate_fingerprint(pair.certificate) == shown.split()[1]
