"""A certificate authority of the lab's own, and the certificate it gives to the server."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from koprogo_fleet.core.files import write_atomically

AUTHORITY_LIFE = timedelta(days=3650)
SERVER_LIFE = timedelta(days=397)
"""The longest that every client accepts; a new certificate is made each time the server is started."""

CLOCK_SKEW = timedelta(minutes=5)


class Authority:
    """The authority kept in *directory*; made at first use, and again if one of its two files is gone."""

    def __init__(self, directory: Path) -> None:
        self.certificate_path = directory / "ca.pem"
        self._key_path = directory / "ca.key"
        self._directory = directory

    def ensure(self) -> Path:
        """Return the file of its own certificate, made first where there is none."""
        self._load_or_make()
        return self.certificate_path

    def issue_server_certificate(
        self,
        names: Sequence[str] = ("localhost",),
        what: str = "OpenBao of the lab",
        *,
        addresses: Sequence[IPv4Address] = (),
        directory: Path | None = None,
    ) -> tuple[Path, Path]:
        """
        Make a fresh key and certificate for *names* and *addresses*, 127.0.0.1 always among them; return their files.

        They are in *directory*, or beside the authority's own.
        """
        authority, authority_key = self._load_or_make()
        key = ec.generate_private_key(ec.SECP256R1())
        every_address = sorted({IPv4Address("127.0.0.1"), *addresses})
        subjects = [*map(x509.DNSName, names), *map(x509.IPAddress, every_address)]
        certificate = (
            _builder(what, key.public_key(), SERVER_LIFE)
            .issuer_name(authority.subject)
            .add_extension(x509.SubjectAlternativeName(subjects), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False
            )
            .sign(authority_key, hashes.SHA256())
        )
        place = directory or self._directory
        key_file, certificate_file = place / "server.key", place / "server.pem"
        write_atomically(key_file, _pem(key), mode=0o600)
        write_atomically(certificate_file, certificate.public_bytes(serialization.Encoding.PEM))
        return certificate_file, key_file

    def _load_or_make(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        if self.certificate_path.exists() and self._key_path.exists():
            certificate = x509.load_pem_x509_certificate(self.certificate_path.read_bytes())
            key = serialization.load_pem_private_key(self._key_path.read_bytes(), password=None)
            if isinstance(key, ec.EllipticCurvePrivateKey) and key.public_key() == certificate.public_key():
                return certificate, key
        return self._make()

    def _make(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder("koprogo-fleet lab authority", key.public_key(), AUTHORITY_LIFE)
            .issuer_name(_name("koprogo-fleet lab authority"))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_signs_certificates(), critical=True)
            .sign(key, hashes.SHA256())
        )
        write_atomically(self._key_path, _pem(key), mode=0o600)
        write_atomically(self.certificate_path, certificate.public_bytes(serialization.Encoding.PEM))
        return certificate, key


def _builder(common_name: str, public_key: ec.EllipticCurvePublicKey, life: timedelta) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _signs_certificates() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
