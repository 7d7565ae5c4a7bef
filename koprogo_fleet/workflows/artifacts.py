"""
Where the K3s binary comes from.

In order: ``KOPROGO_K3S_BINARY``, the cache, the pinned release (checked against its published checksum). A caller that
can do without the real one gives a *fallback*; the answer says which it is. The images that a release runs come the same
way, so that nodes need no registry.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

import requests

from koprogo_fleet.core.errors import InputError, MissingRequirement
from koprogo_fleet.core.events import Listener, Note
from koprogo_fleet.core.fleet import K3s
from koprogo_fleet.core.paths import cache_dir

IMAGES = "k3s-airgap-images-amd64.tar.zst"
SUMS = "sha256sum-amd64.txt"
"""K3s' names for files of a release (install.sh, and "Air-Gap Install")."""

TIMEOUT = (5.0, 60.0)
"""Seconds to connect, and seconds without a byte."""
CHUNK = 1 << 20


@dataclass(frozen=True)
class K3sBinary:
    """
    A file that can be installed as ``k3s``; *origin* says in words which one it is.

    *images* is where the release's own images are, or are to be put; None where it has none (the lab's stand-in).
    """

    path: Path
    sha256: str
    origin: str
    images: Path | None = None


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
        return K3sBinary(cached, digest, f"K3s {wanted.version} from the cache", cached.with_name(IMAGES))
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
    beside = path.with_name(IMAGES)
    return K3sBinary(path, digest, f"KOPROGO_K3S_BINARY={path}", beside if beside.exists() else None)


def _check(digest: str, wanted: K3s, source: str) -> None:
    if wanted.sha256 and wanted.sha256 != digest:
        raise InputError(
            f"{source}: SHA-256 is {digest}, fleet.yaml wants {wanted.sha256}",
            cause="the file is another release, or was altered",
            next_step="remove the file, or correct k3s.sha256 in fleet.yaml",
        )


def release_images(wanted: K3s, binary: K3sBinary, listener: Listener) -> tuple[Path, ...]:
    """
    Return the archive of images that go with *binary*: downloaded and checked where it is not there yet.

    Raises:
        InputError: its checksum is not the published one.
        MissingRequirement: it is not there, and the release cannot be reached.
    """
    if binary.images is None:
        return ()
    if not binary.images.exists():
        try:
            _fetch(wanted, IMAGES, binary.images, _published(wanted, IMAGES), listener)
        except requests.RequestException as error:
            raise MissingRequirement(
                f"the images of K3s {wanted.version} cannot be downloaded: {error}",
                cause="this machine does not reach the release",
                next_step=f"put {IMAGES} of the release at {binary.images}, or write k3s.install: online",
            ) from error
    return (binary.images,)


def published(wanted: K3s) -> tuple[str, str]:
    """
    Return the URL of the release's binary, and the SHA-256 that it must have: fleet.yaml's, else the published one.

    Raises:
        MissingRequirement: fleet.yaml has none, and the release cannot be reached from here.
    """
    url = f"{_base(wanted)}/k3s"
    if wanted.sha256:
        return url, wanted.sha256
    try:
        return url, _published(wanted, "k3s")
    except requests.RequestException as error:
        raise MissingRequirement(
            f"the checksum of K3s {wanted.version} cannot be had: {error}",
            cause="this machine does not reach the release",
            next_step=f"take it from the release's {SUMS} and write it into fleet.yaml: k3s.sha256",
        ) from error


def image_names(archive: Path) -> set[str]:
    """Return the names of the images in an archive that ``docker save`` or ``ctr images export`` wrote."""
    names: set[str] = set()
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.name in {"manifest.json", "index.json"} and (file := tar.extractfile(member)):
                    names |= _tags(json.load(file))
    except tarfile.ReadError:  # compressed in a way that Python cannot read: its names are not known
        return set()
    return names


def _tags(document: object) -> set[str]:
    if isinstance(document, list):
        return {tag for entry in document for tag in entry.get("RepoTags") or ()}
    entries = document.get("manifests", []) if isinstance(document, dict) else []
    named = (entry.get("annotations", {}).get("io.containerd.image.name") for entry in entries)
    return {name for name in named if name}


def _download(wanted: K3s, target: Path, listener: Listener) -> K3sBinary:
    expected = _published(wanted, "k3s")
    _check(expected, wanted, f"{_base(wanted)}/k3s")
    _fetch(wanted, "k3s", target, expected, listener)
    target.chmod(0o755)
    return K3sBinary(target, expected, f"K3s {wanted.version}, downloaded and checked", target.with_name(IMAGES))


def _base(wanted: K3s) -> str:
    return f"{wanted.releases}/{wanted.version.replace('+', '%2B')}"


def _published(wanted: K3s, name: str) -> str:
    """Return the published checksum of a file of the release; each line is "hash, two spaces, name"."""
    url = f"{_base(wanted)}/{SUMS}"
    answer = requests.get(url, timeout=TIMEOUT)
    answer.raise_for_status()
    sums = {line.split()[-1]: line.split()[0] for line in answer.text.splitlines() if line.strip()}
    if name not in sums:
        raise InputError(f"{url} has no checksum of {name}", next_step="look whether this release exists")
    return sums[name]


def _fetch(wanted: K3s, name: str, target: Path, expected: str, listener: Listener) -> None:
    """Download a file of the release to *target*, which appears only if its checksum is as *expected*."""
    url = f"{_base(wanted)}/{name}"
    listener(Note(f"Downloading {name} of K3s {wanted.version}"))
    target.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=target.parent, prefix=f".{name}-") as part:
        with requests.get(url, timeout=TIMEOUT, stream=True) as answer:
            answer.raise_for_status()
            for chunk in answer.iter_content(CHUNK):
                part.write(chunk)
        part.flush()
        os.fsync(part.fileno())
        if (digest := sha256_of(Path(part.name))) != expected:
            raise InputError(
                f"{url}: SHA-256 is {digest}, the release says {expected}",
                cause="the download was cut short or altered on its way",
                next_step="run the command again",
            )
        target.unlink(missing_ok=True)
        target.hardlink_to(part.name)
