"""What an OpenSSH certificate says: whose key, signed by whom, for which names, from when to when."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertPublicKeyTypes,
    load_ssh_public_identity,
)

from koprogo_fleet.core.errors import InputError


@dataclass(frozen=True)
class SshCertificate:
    """
    The terms of a certificate; that its signature is right is for sshd and ssh to judge.

    Attributes:
        key: the public key that was signed, as ``type base64``.
        authority: the public key that signed it, likewise.
        principals: the users or hosts that it is for.
        begins: seconds since 1970.
        ends: seconds since 1970.
    """

    key: str
    authority: str
    principals: frozenset[str]
    begins: int
    ends: int

    def lasts(self, now: float) -> bool:
        """Whether at least a third of its life is left *now*: one that does not last is signed anew."""
        return self.ends - now >= (self.ends - self.begins) / 3


def read_certificate(line: str) -> SshCertificate:
    """
    Read ``ssh-ed25519-cert-v01@openssh.com AAAA… comment``.

    Raises:
        InputError: it is no certificate.
    """
    try:
        parsed = load_ssh_public_identity(" ".join(line.split()[:2]).encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(f"not a certificate of OpenSSH: {line[:60]!r}") from error
    if not isinstance(parsed, SSHCertificate):
        raise InputError(f"a plain public key, not a certificate: {line[:60]!r}")
    return SshCertificate(
        key=_line(parsed.public_key()),
        authority=_line(parsed.signature_key()),
        principals=frozenset(principal.decode(errors="replace") for principal in parsed.valid_principals),
        begins=parsed.valid_after,
        ends=parsed.valid_before,
    )


def _line(key: SSHCertPublicKeyTypes) -> str:
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
