"""
Where the K3s binary comes from.

In order: ``KOPROGO_K3S_BINARY``, the cache, the pinned release (checked against its published checksum). A caller that
can do without the real one gives a *fallback*; the answer says which it is.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import requests

from koprogo_fleet.core.errors import InputError, MissingRequirement
from koprogo_fleet.core.events import Listener, Note
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.fleet import K3s
from koprogo_fleet.core.paths import cache_dir

RELEASES = "https://github.com/k3s-io/k3s/releases/download"
TIMEOUT = (5.0, 60.0)
"""Seconds to connect, and seconds without a byte."""


@dataclass(frozen=True)
class K3sBinary:
    """A file that can be installed as ``k3s``; *origin* says in words which one it is."""

    path: Path
    sha256: str
    origin: str


def sha256_of(path: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def k3s_binary(wanted: K3s, listener: Listener, fallback: Callable[[], Path] | None = None) -> K3sBinary:
    """
    Return the K3s binary of the release that fleet.yaml names.

    Args:
        wanted: version, and optionally the checksum that people pinned.
        listener: told what is downloaded.
        fallback: makes a substitute where the release cannot be reached.

    Raises:
        InputError: ``KOPROGO_K3S_BINARY`` names no file, or a checksum differs.
        MissingRequirement: the release cannot be reached, and there is no fallback.
    """
    if named := os.environ.get("KOPROGO_K3S_BINARY"):
        return _named(Path(named), wanted)
    cached = cache_dir() / "k3s" / wanted.version / "k3s"
    if cached.exists():
        digest = sha256_of(cached)
        _check(digest, wanted, str(cached))
        return K3sBinary(cached, digest, f"K3s {wanted.version} from the cache")
    try:
        return _download(wanted, cached, listener)
    except requests.RequestException as error:
        if fallback is None:
            raise MissingRequirement(
                f"K3s {wanted.version} cannot be downloaded: {error}",
                cause="this machine does not reach GitHub's releases",
                next_step="download the binary elsewhere and set KOPROGO_K3S_BINARY to its path",
            ) from error
        path = fallback()
        return K3sBinary(
            path, sha256_of(path), f"the lab's stand-in (K3s {wanted.version} cannot be reached from here)"
        )


def _named(path: Path, wanted: K3s) -> K3sBinary:
    if not path.is_file():
        raise InputError(
            f"KOPROGO_K3S_BINARY={path}: no such file", next_step="unset it, or give the path of a k3s binary"
        )
    digest = sha256_of(path)
    _check(digest, wanted, str(path))
    return K3sBinary(path, digest, f"KOPROGO_K3S_BINARY={path}")


def _check(digest: str, wanted: K3s, source: str) -> None:
    if wanted.sha256 and wanted.sha256 != digest:
        raise InputError(
            f"{source}: SHA-256 is {digest}, fleet.yaml wants {wanted.sha256}",
            cause="the file is another release, or was altered",
            next_step="remove the file, or correct k3s.sha256 in fleet.yaml",
        )


def _download(wanted: K3s, target: Path, listener: Listener) -> K3sBinary:
    base = f"{RELEASES}/{wanted.version.replace('+', '%2B')}"
    sums = _get(f"{base}/sha256sum-amd64.txt").decode()
    published = next(line.split()[0] for line in sums.splitlines() if line.endswith(" k3s"))
    _check(published, wanted, f"{base}/k3s")
    listener(Note(f"Downloading K3s {wanted.version}"))
    data = _get(f"{base}/k3s")
    digest = hashlib.sha256(data).hexdigest()
    if digest != published:
        raise InputError(
            f"{base}/k3s: SHA-256 is {digest}, the release says {published}",
            cause="the download was cut short or altered on its way",
            next_step="run the command again",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, data, mode=0o755)
    return K3sBinary(target, digest, f"K3s {wanted.version}, downloaded and checked")


def _get(url: str) -> bytes:
    answer = requests.get(url, timeout=TIMEOUT)
    answer.raise_for_status()
    return answer.content
