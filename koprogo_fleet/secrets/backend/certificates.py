"""What a certificate says, and whether it is what was wanted. Pure, but for the clock that the caller gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from ipaddress import ip_address
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from koprogo_fleet.core.secret import Secret


def flaws(certificate: str, private_key: Secret, ca: str, names: Sequence[str], now: datetime) -> Iterator[str]:
    """
    Yield what is wrong.

    Args:
        certificate: in PEM, followed by the authorities between it and *ca*.
        private_key: in PEM.
        ca: the authority that its readers trust, in PEM.
        names: that it has to be valid for: host names and addresses.
        now: by our clock.
    """
    try:
        chain = x509.load_pem_x509_certificates(certificate.encode())
        anchor = x509.load_pem_x509_certificate(ca.encode())
        key = serialization.load_pem_private_key(private_key.reveal().encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        yield "it cannot be read"
        return
    leaf = chain[0]
    if key.public_key() != leaf.public_key():
        yield "the key is not the certificate's"
    for one in (*chain, anchor):
        if not one.not_valid_before_utc <= now <= one.not_valid_after_utc:
            yield (
                f"{one.subject.rfc4514_string()} is valid from {one.not_valid_before_utc:%Y-%m-%d %H:%M} "
                f"to {one.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, not now"
            )
    above = chain[1 : chain.index(anchor, 1)] if anchor in chain[1:] else chain[1:]
    links = [leaf, *above, anchor]
    for one, issuer in pairwise(links):
        if not _issued(issuer, one):
            yield f"{one.subject.rfc4514_string()} was not issued by {issuer.subject.rfc4514_string()}"
    if missing := sorted(set(names) - names_of(leaf)):
        yield f"it is not valid for {', '.join(missing)}"


def names_of(certificate: x509.Certificate) -> set[str]:
    """Return the host names and addresses that a certificate is valid for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    addresses = {str(address) for address in names.get_values_for_type(x509.IPAddress)}
    return {*names.get_values_for_type(x509.DNSName), *addresses}


def is_own(certificate: str) -> bool:
    """Say whether a certificate is signed by its own key: the end of a chain."""
    one = x509.load_pem_x509_certificate(certificate.encode())
    return one.issuer == one.subject


def canonical(name: str) -> str:
    """Return an address in the form that certificates are read in; a host name as it is."""
    try:
        return str(ip_address(name))
    except ValueError:
        return name


def serial_of(certificate: x509.Certificate) -> str:
    """Return a serial number as Vault writes it: bytes in hexadecimal with colons between."""
    number = certificate.serial_number
    return number.to_bytes((number.bit_length() + 7) // 8).hex(":")


def _issued(issuer: x509.Certificate, one: x509.Certificate) -> bool:
    try:
        one.verify_directly_issued_by(issuer)
        return issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
