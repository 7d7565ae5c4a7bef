"""
An application in a pod: logs in to PostgreSQL every 50 ms with what its Secret says, and writes down how each login went.

It needs nothing but Python: TLS is verified, and SCRAM-SHA-256 done by the protocol's own words (RFC 5802), so that it shares
no code with what is tested. A line a login, in a file that is named after the pod: ``ok USER``, or ``failed USER: why``.

As a program: ``database_consumer.py CA-FILE LOG-FOLDER``; login and server come from the environment. SIGTERM ends it between two logins.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import signal
import socket
import ssl
import struct
import sys
import threading
import time
from pathlib import Path

EVERY_SECONDS = 0.05
TIMEOUT_SECONDS = 10.0


class Refused(Exception):
    """The server said no."""


class Session:
    """One connection."""

    def __init__(self, host: str, port: int, context: ssl.SSLContext) -> None:
        plain = socket.create_connection((host, port), timeout=TIMEOUT_SECONDS)
        plain.sendall(struct.pack("!II", 8, 80877103))  # SSLRequest
        if plain.recv(1) != b"S":
            raise Refused("no TLS")
        self._wire = context.wrap_socket(plain, server_hostname=host)

    def close(self) -> None:
        """End the connection."""
        self._wire.close()

    def log_in(self, user: str, password: str, database: str) -> None:
        """Start the session, by SCRAM-SHA-256 alone, and ask one question."""
        words = b"\0".join(
            part.encode() for part in ("user", user, "database", database, "application_name", "consumer")
        )
        self._send(b"", struct.pack("!I", 196608) + words + b"\0\0")
        nonce = secrets.token_urlsafe(18)
        bare = f"n=,r={nonce}"
        self._expect_authentication(10)
        first = f"n,,{bare}".encode()
        self._send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!I", len(first)) + first)
        challenge = self._expect_authentication(11).decode()
        self._send(b"p", _answer(password, bare, challenge))
        self._expect_authentication(12)
        self._expect_authentication(0)
        self._until_ready()
        self._send(b"Q", b"select 1\0")
        self._until_ready()
        self._send(b"X", b"")

    def _expect_authentication(self, wanted: int) -> bytes:
        kind, body = self._receive()
        (code,) = struct.unpack_from("!I", body)
        if (kind, code) != (b"R", wanted):
            raise Refused(f"authentication {code} instead of {wanted}")
        return body[4:]

    def _until_ready(self) -> None:
        while self._receive()[0] != b"Z":
            pass

    def _send(self, kind: bytes, body: bytes) -> None:
        self._wire.sendall(kind + struct.pack("!I", len(body) + 4) + body)

    def _receive(self) -> tuple[bytes, bytes]:
        kind, length = struct.unpack("!cI", self._exactly(5))
        body = self._exactly(length - 4)
        if kind == b"E":
            fields = {part[:1]: part[1:] for part in body.split(b"\0") if part}
            raise Refused(fields.get(b"M", b"?").decode(errors="replace"))
        return kind, body

    def _exactly(self, count: int) -> bytes:
        content = b""
        while len(content) < count:
            more = self._wire.recv(count - len(content))
            if not more:
                raise Refused("the server closed the connection")
            content += more
        return content


def _answer(password: str, bare: str, challenge: str) -> bytes:
    parts = dict(part.split("=", 1) for part in challenge.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(parts["s"]), int(parts["i"]))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    final = f"c=biws,r={parts['r']}"
    signed = f"{bare},{challenge},{final}".encode()
    signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
    proof = bytes(one ^ other for one, other in zip(client_key, signature, strict=True))
    return f"{final},p={base64.b64encode(proof).decode()}".encode()


def one_login(context: ssl.SSLContext) -> str:
    """Log in once, and tell how it went."""
    user = os.environ["DATABASE_USER"]
    try:
        session = Session(os.environ["DATABASE_HOST"], int(os.environ["DATABASE_PORT"]), context)
        try:
            session.log_in(user, os.environ["DATABASE_PASSWORD"], os.environ["DATABASE_NAME"])
        finally:
            session.close()
    except (OSError, Refused) as error:
        return f"failed {user}: {error}"
    return f"ok {user}"


def main(ca: str, folder: str) -> None:
    """Log in until SIGTERM comes."""
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    context = ssl.create_default_context(cafile=ca)
    begin = time.monotonic()
    with (Path(folder) / socket.gethostname()).open("a", encoding="utf-8", buffering=1) as log:
        done = 0
        while not over.wait(max(0.0, begin + done * EVERY_SECONDS - time.monotonic())):
            log.write(one_login(context) + "\n")
            done += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
