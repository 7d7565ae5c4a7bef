"""Host keys: made by us before a node exists, kept in a ``known_hosts`` file, compared at every connection."""

from __future__ import annotations

import base64
import binascii
import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from koprogo_fleet.core.errors import FileProblems, InputError, Problem
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.secret import Secret


@dataclass(frozen=True)
class HostKey:
    """A node's ed25519 host key: the private half for its cloud-init, the public half for ``known_hosts``."""

    private_pem: Secret
    public_line: str


@dataclass(frozen=True)
class Known:
    """
    What is known of one host.

    Attributes:
        key: the public line that it must show, if one is recorded.
        authorities: the keys (binary) whose certificates speak for it.
        revoked: the keys (binary) that must not be believed, neither as its own nor as an authority's.
    """

    key: str | None = None
    authorities: frozenset[bytes] = frozenset()
    revoked: frozenset[bytes] = frozenset()


_AUTHORITY, _REVOKED = "@cert-authority", "@revoked"


@dataclass(frozen=True)
class _Entry:
    names: tuple[str, ...]
    public_line: str
    marker: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.marker, ",".join(self.names), self.public_line)))

    def speaks_of(self, name: str) -> bool:
        """Match as OpenSSH does: patterns with * and ?, of which those after a ! exclude."""
        if any(fnmatchcase(name, pattern[1:]) for pattern in self.names if pattern.startswith("!")):
            return False
        return any(fnmatchcase(name, pattern) for pattern in self.names)


def make_host_key() -> HostKey:
    """Make a new host key, so that a node is known before it is first connected to."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return HostKey(Secret(private.decode()), public.decode())


def fingerprint(key_blob: bytes) -> str:
    """Return the fingerprint of a public key as ``ssh-keygen -l`` shows it."""
    digest = base64.b64encode(hashlib.sha256(key_blob).digest()).decode().rstrip("=")
    return f"SHA256:{digest}"


def key_blob(public_line: str) -> bytes:
    """
    Return the binary key of ``ssh-ed25519 AAAA… comment``.

    Raises:
        InputError: the line is not an OpenSSH public key.
    """
    try:
        key_type, encoded = public_line.split()[:2]
        blob = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error) as error:
        raise InputError(f"not an OpenSSH public key: {public_line[:80]!r}") from error
    length = int.from_bytes(blob[:4], "big")
    if blob[4 : 4 + length] != key_type.encode():
        raise InputError(f"not a public key of type {key_type}: {public_line[:80]!r}")
    return blob


class KnownHosts:
    """
    An OpenSSH ``known_hosts`` file with one key a host: ``name,address ssh-ed25519 AAAA…``.

    People may add lines ``@cert-authority *.example.org ssh-ed25519 AAAA…`` (see :mod:`.host_certificates`) and
    ``@revoked * ssh-ed25519 AAAA…``. The file is written whole and sorted, so that it can be reviewed in Git; ``ssh -o
    UserKnownHostsFile=… -o HostKeyAlias=<name>`` reads it too. One object may be used by several threads.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writing = threading.Lock()  # nodes are made in parallel, and none may lose the other's key

    def get(self, name: str) -> str | None:
        """
        Return the public key line of the host *name*, or None if it is not known.

        Raises:
            FileProblems: the file has lines that are not ``names type key``.
        """
        return self.known(name).key

    def known(self, name: str) -> Known:
        """
        Return all that is known of the host *name*.

        Raises:
            FileProblems: the file has lines that are not ``names type key``.
        """
        entries = self._read()
        marked = [entry for entry in entries if entry.marker and entry.speaks_of(name)]
        return Known(
            key=next((entry.public_line for entry in entries if not entry.marker and name in entry.names), None),
            authorities=frozenset(key_blob(entry.public_line) for entry in marked if entry.marker == _AUTHORITY),
            revoked=frozenset(key_blob(entry.public_line) for entry in marked if entry.marker == _REVOKED),
        )

    def put(self, name: str, public_line: str, addresses: Sequence[str] = ()) -> None:
        """
        Know *name* (and its *addresses*) by this key, and by no other.

        Raises:
            InputError: *public_line* is not a public key.
            FileProblems: the file has lines that are not ``names type key``.
        """
        key_blob(public_line)
        names = (name, *(address for address in addresses if address != name))
        key = " ".join(public_line.split()[:2])
        with self._writing:
            self._write([*self._without(names), _Entry(names, key)])

    def remove(self, name: str) -> None:
        """Forget the host *name*; an unknown one is fine."""
        with self._writing:
            self._write([entry for entry in self._read() if entry.marker or name not in entry.names])

    def _without(self, names: Sequence[str]) -> list[_Entry]:
        # An address that now belongs to another host is taken away from its former owner.
        rest = [
            entry if entry.marker else _Entry(tuple(old for old in entry.names if old not in names), entry.public_line)
            for entry in self._read()
            if entry.marker or entry.names[0] not in names
        ]
        return [entry for entry in rest if entry.names]

    def _read(self) -> tuple[_Entry, ...]:
        try:
            status = self.path.stat()
            return _entries(self.path, (status.st_ino, status.st_size, status.st_mtime_ns))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror}") from error

    def _write(self, entries: Sequence[_Entry]) -> None:
        lines = sorted(str(entry) for entry in entries)
        write_atomically(self.path, "".join(f"{line}\n" for line in lines))


@lru_cache(maxsize=16)
def _entries(path: Path, version: tuple[int, int, int]) -> tuple[_Entry, ...]:  # noqa: ARG001 - of the cache's key
    """Read the file once for all connections, and again when it is another."""
    entries, problems = [], []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            entries.append(_entry(line))
        except ValueError:
            problems.append(Problem(path, number, "is not a known host: expected 'name,address type key'"))
    if problems:
        raise FileProblems(
            problems, next_step=f"remove these lines from {path}, then run `koprogo-fleet inventory sync`"
        )
    return tuple(entries)


def _entry(line: str) -> _Entry:
    """Read one line, or raise ValueError."""
    marker, rest = "", line
    if line.startswith("@"):
        marker, rest = line.split(maxsplit=1)
        if marker not in {_AUTHORITY, _REVOKED}:
            raise ValueError(marker)
    names, public_line = rest.split(maxsplit=1)
    key_blob(public_line)
    return _Entry(tuple(names.split(",")), public_line.strip(), marker)
