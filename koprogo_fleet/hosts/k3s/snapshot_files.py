"""
Snapshots of etcd: how they are made, found, read back and deleted on a server, and what binds one to its token.

A snapshot holds the cluster's keys, encrypted with the server token of its day: without that token it cannot be restored
(docs.k3s.io, "Backup and Restore"). So each gets a manifest beside it: the token's version in Vault, its size and
SHA-256, and etcd's revision, which tells later what is newer than it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree as ET

from koprogo_fleet.hosts.k3s import paths

DIRECTORY = f"{paths.DATA}/server/db/snapshots"
MANIFESTS = f"{paths.DATA}/server/db/koprogo-manifests"
"""Beside the snapshots' directory, for K3s takes every file in that for a snapshot."""

S3 = "s3"
"""Where a snapshot is, if not on a server."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,120}")
_XML = "{*}"
"""S3 puts its answers into a namespace, and its errors into none."""


@dataclass(frozen=True)
class Manifest:
    """
    What is known of a snapshot since it was made.

    Attributes:
        name: the file's.
        server: which made it.
        created: UTC.
        token_version: of the secret in Vault that holds the server token which it is encrypted with.
        revision: etcd's, just before it was made: whatever has a higher one is newer.
    """

    name: str
    server: str
    created: datetime
    size_bytes: int
    sha256: str
    token_version: int
    revision: int

    def to_json(self) -> str:
        """Return the file's text."""
        return json.dumps({**asdict(self), "created": self.created.isoformat()}, indent=2) + "\n"


@dataclass(frozen=True)
class Snapshot:
    """
    One snapshot.

    Attributes:
        created: UTC; by its name, which K3s ends with it.
        places: the servers that have the file, and "s3".
        manifest: None where K3s made it by its schedule, or a manifest was lost.
    """

    name: str
    created: datetime
    size_bytes: int
    places: tuple[str, ...]
    manifest: Manifest | None = None

    @property
    def servers(self) -> tuple[str, ...]:
        """Those that have the file."""
        return tuple(place for place in self.places if place != S3)


def manifest_from(text: str) -> Manifest | None:
    """Return the manifest that *text* is, or None if it is none."""
    try:
        value = json.loads(text)
        return Manifest(
            name=str(value["name"]),
            server=str(value["server"]),
            created=datetime.fromisoformat(value["created"]),
            size_bytes=int(value["size_bytes"]),
            sha256=str(value["sha256"]),
            token_version=int(value["token_version"]),
            revision=int(value["revision"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def created_of(name: str, otherwise: float = 0.0) -> datetime:
    """Return when a snapshot was made: K3s ends its name with the Unix time, and ``.zip`` where it is compressed."""
    found = re.search(r"-(\d{9,11})(?:\.zip)?$", name)
    return datetime.fromtimestamp(int(found[1]) if found else otherwise, UTC)


def parse_saved(output: str, server: str, token_version: int) -> Manifest:
    """
    Return the manifest of what :func:`save_script` made.

    Raises:
        ValueError: it did not print that.
    """
    name, size, sha256, revision = output.split()
    return Manifest(name, server, created_of(name), int(size), sha256, token_version, int(revision))


def parse_look(server: str, output: str) -> list[Snapshot]:
    """Return the snapshots of one server, each with the manifest that is there."""
    found, manifests = [], {}
    for line in output.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "manifest" and (manifest := manifest_from(rest)):
            manifests[manifest.name] = manifest
        elif kind == "file":
            size, changed, name = rest.split(" ", 2)
            found.append(Snapshot(name, created_of(name, float(changed)), int(size), (server,)))
    return [replace(snapshot, manifest=manifests.get(snapshot.name)) for snapshot in found]


def parse_listing(folder: str, document: str) -> tuple[list[Snapshot], str]:
    """
    Return the snapshots of an answer to S3's ListObjectsV2, and the token that continues it ("" at its end).

    Raises:
        ValueError: it is no such answer; carries S3's own code and message where there are some.
    """
    try:
        root = ET.fromstring(document)  # noqa: S314 - by the region's S3, over TLS
    except ET.ParseError as error:
        raise ValueError(f"S3 answered what is no list: {document[:200]!r}") from error
    if not root.tag.endswith("ListBucketResult"):
        said = [root.findtext(f"{_XML}{name}") or "" for name in ("Code", "Message")]
        raise ValueError(f"S3 refuses to list: {': '.join(filter(None, said)) or root.tag}")
    found = []
    for item in root.findall(f"{_XML}Contents"):
        key = item.findtext(f"{_XML}Key") or ""
        name = key.removeprefix(f"{folder}/")
        if "/" not in name and name:
            changed = datetime.fromisoformat(item.findtext(f"{_XML}LastModified") or "1970-01-01T00:00:00Z")
            size = int(item.findtext(f"{_XML}Size") or 0)
            found.append(Snapshot(name, created_of(name, changed.timestamp()), size, (S3,)))
    return found, root.findtext(f"{_XML}NextContinuationToken") or ""


def merged(found: Iterable[Snapshot]) -> list[Snapshot]:
    """Return each snapshot once, with all its places and whatever manifest was found; the newest first."""
    by_name: dict[str, Snapshot] = {}
    for snapshot in found:
        known = by_name.get(snapshot.name)
        if known is None:
            by_name[snapshot.name] = snapshot
        else:
            by_name[snapshot.name] = replace(
                known,
                places=tuple(dict.fromkeys((*known.places, *snapshot.places))),
                size_bytes=max(known.size_bytes, snapshot.size_bytes),
                manifest=known.manifest or snapshot.manifest,
            )
    return sorted(by_name.values(), key=lambda snapshot: (snapshot.created, snapshot.name), reverse=True)


@dataclass(frozen=True)
class ReadBack:
    """What was read; *inner* as :func:`check_script` says."""

    size_bytes: int
    sha256: str
    inner: str


def parse_read_back(output: str) -> ReadBack:
    """
    Return what a script printed.

    Raises:
        ValueError: it did not print that.
    """
    size, sha256, inner = output.split()
    return ReadBack(int(size), sha256, inner)


def faults(manifest: Manifest | None, read: ReadBack) -> list[str]:
    """Return what is wrong with what was read; nothing where it is what was written."""
    if read.size_bytes == 0:
        return ["it is empty"]
    found = []
    if manifest and read.size_bytes != manifest.size_bytes:
        found.append(f"it has {read.size_bytes} bytes, and had {manifest.size_bytes}")
    elif manifest and read.sha256 != manifest.sha256:
        found.append(f"its SHA-256 is {read.sha256[:12]}…, and was {manifest.sha256[:12]}…")
    if read.inner == "broken":
        found.append("etcd's own sum at its end does not fit: it was cut off, or is no snapshot")
    return found


def too_many(snapshots: Sequence[Snapshot], prefix: str, keep: int) -> list[Snapshot]:
    """Return those whose names begin with *prefix* beyond the newest *keep* ones, the oldest first."""
    named = [snapshot for snapshot in snapshots if snapshot.name.startswith(f"{prefix}-")]
    return sorted(named, key=lambda snapshot: snapshot.created)[: max(0, len(named) - keep)]


def as_data(snapshot: Snapshot) -> dict[str, Any]:
    """Return what machines are told of a snapshot."""
    manifest = snapshot.manifest
    return {
        "name": snapshot.name,
        "created": snapshot.created.isoformat(),
        "size_bytes": snapshot.size_bytes,
        "places": list(snapshot.places),
        "sha256": manifest.sha256 if manifest else None,
        "token_version": manifest.token_version if manifest else None,
        "revision": manifest.revision if manifest else None,
    }
