"""Helm's own records of releases, read out of the cluster in two calls, without a helm for each question."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from koprogo_fleet.helm.client import INPUT_LABEL
from koprogo_fleet.helm.release import Release

SELECTOR = "owner=helm"
DEPLOYED = "owner=helm,status=deployed"

ReleaseKey = tuple[str, str]
"""Namespace and name of a release."""


@dataclass(frozen=True)
class Record:
    """
    The newest revision of a release.

    Attributes:
        secret: the name of the Secret that holds it.
        made_of: the digest of what it was made of; empty where we did not make it, or it is a return to an older one.
        begun: when it was begun, by the cluster's clock.
    """

    revision: int
    status: str
    secret: str
    made_of: str
    begun: datetime


class Kept(NamedTuple):
    """What Helm keeps of a revision: its manifest, and the values that it was given beside the chart's own."""

    revision: int
    manifest: str
    values: Mapping[str, Any] = MappingProxyType({})


NOT_KEPT = Kept(0, "")


def key_of(release: Release) -> ReleaseKey:
    """Return the key of a release in :func:`newest` and :func:`manifests`."""
    return release.namespace, release.name


def newest(secrets: Iterable[Mapping[str, Any]]) -> dict[ReleaseKey, Record]:
    """Return the newest revision of each release; of *secrets*, the metadata is enough."""
    found: dict[ReleaseKey, Record] = {}
    for secret in secrets:
        metadata = secret["metadata"]
        labels = metadata.get("labels") or {}
        key = (metadata["namespace"], labels.get("name", ""))
        revision = int(labels.get("version", 0))
        digest, _, of_revision = labels.get(INPUT_LABEL, "").rpartition(".")
        if key not in found or found[key].revision < revision:
            made_of = digest if of_revision == str(revision) else ""
            begun = datetime.fromisoformat(metadata["creationTimestamp"])
            found[key] = Record(revision, labels.get("status", ""), metadata["name"], made_of, begun)
    return found


def manifests(secrets: Iterable[Mapping[str, Any]]) -> dict[ReleaseKey, Kept]:
    """Return what each of *secrets*, with what is in them, holds."""
    found: dict[ReleaseKey, Kept] = {}
    for secret in secrets:
        record = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(secret["data"]["release"]))))
        key = (secret["metadata"]["namespace"], record["name"])
        if key not in found or found[key][0] < record["version"]:
            found[key] = Kept(int(record["version"]), record.get("manifest") or "", record.get("config") or {})
    return found
