"""The key that we log in with."""

from __future__ import annotations

import time
from functools import lru_cache
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paramiko.pkey import UnknownKeyType

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.ssh_certificate import read_certificate

_FOR_EVER = 2**64 - 1


def ensure_private_key(path: Path) -> str:
    """
    Make an ed25519 private key at *path* (0600) unless there is one, and return its public line.

    Raises:
        InputError: the file is there, but is no private key that can be used.
    """
    if not path.exists():
        private = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        write_atomically(path, private, mode=0o600)
    key = load_private_key(path)
    return f"{key.get_name()} {key.get_base64()}"


def load_private_key(path: Path, certificate: Path | str | None = None) -> paramiko.PKey:
    """
    Read a private key in OpenSSH or PEM format, and the certificate that goes with it.

    What was read is kept for the next connection, for as long as the files stay the same.

    Args:
        path: the private key's file.
        certificate: the certificate's file, or its one line.

    Raises:
        InputError: the key is missing, unreadable, protected by a passphrase, or not a private key; or the certificate
            is none, or is for another key.
    """
    try:
        status = path.stat()
        line = _certificate_line(certificate) if certificate else None
        return _load(path, (status.st_ino, status.st_size, status.st_mtime_ns), line)
    except OSError as error:
        raise InputError(
            f"cannot read the private key {path}: {error.strerror}",
            next_step="check ssh.private_key in fleet.yaml; without it a key is made for the fleet",
        ) from error


def certificate_terms(certificate: Path | str) -> str:
    """
    Say whom a user's certificate is for, and until when.

    Raises:
        InputError: it is no certificate.
    """
    terms = read_certificate(_certificate_line(certificate))
    until = "for ever" if terms.ends == _FOR_EVER else f"until {time.ctime(terms.ends)}"
    return f"for {', '.join(sorted(terms.principals)) or 'nobody in particular'}, {until}"


def _certificate_line(certificate: Path | str) -> str:
    if isinstance(certificate, str):
        return certificate
    try:
        return certificate.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise InputError(
            f"cannot read the certificate {certificate}: {reason}",
            next_step="have the authority sign the public key; with ssh.certificates in fleet.yaml, "
            "`koprogo-fleet inventory sync` does",
        ) from error


@lru_cache(maxsize=16)
def _load(path: Path, version: tuple[int, int, int], certificate: str | None) -> paramiko.PKey:  # noqa: ARG001 - of the cache's key
    try:
        key: paramiko.PKey = paramiko.PKey.from_path(path)
    except (TypeError, paramiko.PasswordRequiredException) as error:
        raise InputError(
            f"the private key {path} is protected by a passphrase",
            next_step=f"load it into an agent (ssh-add {path}) and set the connection extra use_agent: true",
        ) from error
    except (ValueError, UnsupportedAlgorithm, paramiko.SSHException, UnknownKeyType) as error:
        raise InputError(
            f"{path} is not a private key that can be used: {type(error).__name__}",
            next_step=f"look at it with `ssh-keygen -l -f {path}`; ed25519, ECDSA and RSA keys are understood",
        ) from error
    key.public_blob = None  # a certificate that merely lies beside the key may be an old one: only a named one is used
    if certificate is not None:
        if read_certificate(certificate).key != f"{key.get_name()} {key.get_base64()}":
            raise InputError(
                f"the certificate is for another key than {path}",
                next_step=f"have the authority sign {path}.pub",
            )
        key.load_certificate(certificate)
    return key
