"""X.509: certificate authorities and the certificates they sign, all on P-256 keys."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.files import write_atomically

CA_DAYS = 3650
LEAF_DAYS = 365
RENEW_DAYS = 120
"""A leaf with less than this is renewed at a start (K3s' documentation, "certificate"; 90 before May 2025)."""
SKEW = dt.timedelta(hours=1)
"""How far before now a certificate is valid: a node's clock may be behind."""

EITHER_USE = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


@dataclass(frozen=True)
class Subject:
    """Who a certificate is for: *organization* is the group in Kubernetes, *names* are host names and addresses."""

    common_name: str
    organization: str | None = None
    names: tuple[str, ...] = ()

    @property
    def x509_name(self) -> x509.Name:
        """The distinguished name."""
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, self.common_name)]
        if self.organization:
            attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, self.organization))
        return x509.Name(attributes)


class Authority:
    """A certificate authority in two files, ``<name>.crt`` and ``<name>.key``."""

    def __init__(self, certificate_file: Path) -> None:
        self.certificate_file = certificate_file
        self.certificate_pem = certificate_file.read_bytes()
        self._certificate = x509.load_pem_x509_certificate(self.certificate_pem)
        self._key = _load_key(certificate_file.with_suffix(".key"))

    @classmethod
    def ensure(cls, certificate_file: Path, common_name: str) -> Authority:
        """Return the authority; make it first where its files are not there."""
        if not certificate_file.exists():
            key = ec.generate_private_key(ec.SECP256R1())
            subject = Subject(common_name).x509_name
            builder = _builder(subject, subject, key.public_key(), CA_DAYS)
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            builder = builder.add_extension(_key_usage(ca=True), critical=True)
            builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            write_atomically(certificate_file.with_suffix(".key"), private_pem(key), mode=0o600)
            write_atomically(certificate_file, _pem(builder.sign(key, hashes.SHA256())))
        return cls(certificate_file)

    def keep(self, certificate_file: Path, subject: Subject) -> None:
        """Write a certificate for *subject* unless the one that is there lasts, and is for the same names and by us."""
        if not (certificate_file.with_suffix(".key").exists() and self._still_good(certificate_file, subject)):
            self.issue(certificate_file, subject)

    def _still_good(self, certificate_file: Path, subject: Subject) -> bool:
        try:
            present = x509.load_pem_x509_certificate(certificate_file.read_bytes())
            self._key.public_key().verify(present.signature, present.tbs_certificate_bytes, ec.ECDSA(hashes.SHA256()))
        except (OSError, ValueError, InvalidSignature):
            return False
        try:
            names = list(present.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        except x509.ExtensionNotFound:
            names = []
        lasts = end_of(present) - dt.datetime.now(dt.UTC) > dt.timedelta(days=RENEW_DAYS)
        return lasts and present.subject == subject.x509_name and set(names) == set(_names(subject.names))

    def issue(self, certificate_file: Path, subject: Subject) -> None:
        """Write a new key and certificate for *subject*; the CA's certificate follows it in the file."""
        key = ec.generate_private_key(ec.SECP256R1())
        write_atomically(certificate_file.with_suffix(".key"), private_pem(key), mode=0o600)
        write_atomically(certificate_file, self.sign(key.public_key(), subject))

    def sign_request(self, request_pem: bytes, subject: Subject) -> bytes:
        """
        Certify the key of a certificate request; what the request says about its subject does not count.

        Raises:
            InputError: it is not a request, or was not signed by its own key.
        """
        try:
            request = x509.load_pem_x509_csr(request_pem)
        except ValueError as error:
            raise InputError("not a certificate request") from error
        key = request.public_key()
        if not request.is_signature_valid or not isinstance(key, ec.EllipticCurvePublicKey):
            raise InputError("the certificate request is not signed by its own EC key")
        return self.sign(key, subject)

    def sign(self, key: ec.EllipticCurvePublicKey, subject: Subject) -> bytes:
        """Return the PEM of a certificate for *key*, followed by the CA's own."""
        builder = _builder(subject.x509_name, self._certificate.subject, key, LEAF_DAYS)
        builder = builder.add_extension(_key_usage(ca=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage(EITHER_USE), critical=False)
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
        )
        if subject.names:
            builder = builder.add_extension(x509.SubjectAlternativeName(_names(subject.names)), critical=False)
        return _pem(builder.sign(self._key, hashes.SHA256())) + self.certificate_pem


def end_of(certificate: x509.Certificate) -> dt.datetime:
    """Return until when a certificate is valid; Debian 12's cryptography knows the older of the two attributes only."""
    if hasattr(certificate, "not_valid_after_utc"):
        return certificate.not_valid_after_utc
    return certificate.not_valid_after.replace(tzinfo=dt.UTC)


def ensure_private_key(file: Path) -> ec.EllipticCurvePrivateKey:
    """Return the key in *file*; make it first (0600) where it is not there."""
    if not file.exists():
        write_atomically(file, private_pem(ec.generate_private_key(ec.SECP256R1())), mode=0o600)
    return _load_key(file)


def certificate_request(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a PEM request that proves possession of *key* and says nothing else."""
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM)


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the key as an unencrypted PEM, in the form that Go's tools read everywhere."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )


def _load_key(file: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise InputError(f"{file} is not an EC private key")
    return key


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + dt.timedelta(days=days))
    )


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=True,
        key_cert_sign=ca,
        crl_sign=ca,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _names(names: Iterable[str]) -> list[x509.GeneralName]:
    general: list[x509.GeneralName] = []
    for name in dict.fromkeys(names):
        try:
            general.append(x509.IPAddress(ip_address(name)))
        except ValueError:
            general.append(x509.DNSName(name))
    return general


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
