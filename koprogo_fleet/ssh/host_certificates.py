"""Host certificates: a node that we have never seen, vouched for by an authority that we know."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    SSHCertPublicKeyTypes,
    load_ssh_public_identity,
)

from koprogo_fleet.ssh.host_keys import Known, fingerprint

CERTIFICATE_SUFFIX = "-cert-v01@openssh.com"
_SHA1_SIGNATURE = b"\0\0\0\7ssh-rsa"


class NotVouched(Exception):
    """Raised by :func:`check_certificate`; its text is what is wrong with the certificate."""


def check_certificate(shown: bytes, name: str, known: Known, signer: bytes, now: float) -> None:
    """
    Make sure that a certificate proves that its owner is the host *name*.

    Stricter than OpenSSH's client in two points: a certificate without principals, which would speak for every host,
    and one with wildcards as principals prove nothing.

    Args:
        shown: the certificate, in its binary form.
        name: the host's name, which must be one of the principals.
        known: whose certificates count for this host, and which keys are revoked.
        signer: the public key (binary) that signed the key exchange: must be the certified one.
        now: seconds since 1970.

    Raises:
        NotVouched: one of the checks fails.
    """
    try:
        certificate = _load(shown)
        authority = _binary(certificate.signature_key())
        certified = _binary(certificate.public_key())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise NotVouched(f"its certificate cannot be read: {error}") from error
    principals = [principal.decode(errors="replace") for principal in certificate.valid_principals]
    if certificate.type is not SSHCertificateType.HOST:
        raise NotVouched("it shows the certificate of a user, not of a host")
    if authority not in known.authorities:
        raise NotVouched(f"its certificate is signed by {fingerprint(authority)}, which is no authority for {name}")
    if certified != signer:
        raise NotVouched("the key that signed the key exchange is not the one in its certificate")
    if known.revoked & {authority, certified}:
        raise NotVouched("the key in its certificate, or the authority's, is revoked")
    _check_signature(certificate, shown)
    if name not in principals:
        raise NotVouched(f"its certificate is for {', '.join(principals) or 'no host in particular'}, not for {name}")
    if not certificate.valid_after <= now < certificate.valid_before:
        raise NotVouched(
            f"its certificate is valid from {_date(certificate.valid_after)} to {_date(certificate.valid_before)} only"
        )
    if certificate.critical_options:
        names = ", ".join(sorted(option.decode(errors="replace") for option in certificate.critical_options))
        raise NotVouched(f"its certificate has critical options that are not understood: {names}")


def _load(shown: bytes) -> SSHCertificate:
    key_type = shown[4 : 4 + int.from_bytes(shown[:4], "big")]
    identity = load_ssh_public_identity(key_type + b" " + base64.b64encode(shown))
    if not isinstance(identity, SSHCertificate):
        raise ValueError("it is a plain key")  # noqa: TRY004 - the data is wrong, not our types
    return identity


def _check_signature(certificate: SSHCertificate, shown: bytes) -> None:
    authority = certificate.signature_key()
    try:
        certificate.verify_cert_signature()
    except (InvalidSignature, ValueError, UnsupportedAlgorithm) as error:
        raise NotVouched("the authority's signature in its certificate is wrong") from error
    # The signature is the end of the certificate: its type, and then, with its length, as many bytes as the key has.
    if isinstance(authority, RSAPublicKey) and shown[: -4 - authority.key_size // 8].endswith(_SHA1_SIGNATURE):
        raise NotVouched("its certificate is signed with SHA-1, which can be forged")


def _binary(key: SSHCertPublicKeyTypes) -> bytes:
    line = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return base64.b64decode(line.split()[1])


def _date(seconds: int) -> str:
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
    except (OverflowError, ValueError, OSError):  # "for ever" is the largest number there is
        return "for ever"
