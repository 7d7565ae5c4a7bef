"""Keys to seal with; made once, since an RSA key takes its time."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class KeyPair:
    """A private key and its certificate, both PEM."""

    private_key: bytes = field(repr=False)
    certificate: str = field(repr=False)


@pytest.fixture(scope="session")
def pair() -> KeyPair:
    """Return a pair as the Sealed Secrets controller makes it."""
    return make_pair(rsa.generate_private_key(65537, 2048))


@pytest.fixture(scope="session")
def other_pair() -> KeyPair:
    """Return the pair of another cluster."""
    return make_pair(rsa.generate_private_key(65537, 2048))


@pytest.fixture(scope="session")
def expired_pair() -> KeyPair:
    """Return a pair whose certificate ended yesterday."""
    return make_pair(rsa.generate_private_key(65537, 2048), ends_in=timedelta(days=-1))


@pytest.fixture(scope="session")
def elliptic_pair() -> KeyPair:
    """Return a pair that nothing can be sealed with."""
    return make_pair(ec.generate_private_key(ec.SECP256R1()))


def make_pair(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, ends_in: timedelta = timedelta(days=3650)
) -> KeyPair:
    """Make a self-signed certificate for *key*."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sealed-secrets")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=30))
        .not_valid_after(now + ends_in)
        .sign(key, hashes.SHA256())
    )
    private_key = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return KeyPair(private_key, certificate.public_bytes(serialization.Encoding.PEM).decode())
