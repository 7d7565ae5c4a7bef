"""The key that we log in with."""

from __future__ import annotations

from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paramiko.pkey import UnknownKeyType

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.files import write_atomically


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


def load_private_key(path: Path) -> paramiko.PKey:
    """
    Read a private key in OpenSSH or PEM format.

    Raises:
        InputError: it is missing, unreadable, protected by a passphrase, or not a private key.
    """
    try:
        key: paramiko.PKey = paramiko.PKey.from_path(path)
    except OSError as error:
        raise InputError(
            f"cannot read the private key {path}: {error.strerror}",
            next_step="check ssh.private_key in fleet.yaml; without it a key is made for the fleet",
        ) from error
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
    return key
