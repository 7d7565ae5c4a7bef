"""What a PostgreSQL server keeps of a password (RFC 5803), computed here: the password itself never travels to it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.secret import Secret

ITERATIONS = 4096
"""PostgreSQL's own; each login pays for them, and passwords that nobody chose gain nothing by more."""

SALT_SIZE = 16


def verifier(password: Secret, salt: bytes | None = None, iterations: int = ITERATIONS) -> Secret:
    """
    Return the SCRAM-SHA-256 verifier of *password*, with a new *salt* unless one is given.

    Raises:
        InputError: the password has other characters than printable ASCII: what SASLprep makes of others is not for us.
    """
    text = password.reveal()
    if not text or not text.isascii() or not text.isprintable():
        raise InputError("a password of PostgreSQL is made of printable ASCII characters here")
    salt = secrets.token_bytes(SALT_SIZE) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", text.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    server_key = hmac.digest(salted, b"Server Key", "sha256")
    return Secret(f"SCRAM-SHA-256${iterations}:{_text(salt)}${_text(stored_key)}:{_text(server_key)}")


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
