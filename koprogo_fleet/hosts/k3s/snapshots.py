"""
K3s' own snapshots of etcd: when, how many, and the bucket that they go to.

The keys are in a drop-in of their own (0600), and not in a Secret of the cluster (``etcd-s3-config-secret``): that one
cannot be read when it is needed most, at a restore, when there is no API (docs.k3s.io, "etcd-snapshot"). Both
``k3s server`` and ``k3s etcd-snapshot`` read the drop-in, so no key is ever an argument.
"""

from __future__ import annotations

import json
import re

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.k3s.setup import S3

FOLDER = "etcd"
"""Below the bucket's root."""

LOCAL_HOURS = 48
"""How far back the copies reach that each server keeps beside the bucket's."""

OWN_RETENTION_SINCE = {31: 12, 32: 8, 33: 4}
"""Patch releases, by minor, from which S3 has a retention of its own (k3s-io/k3s #12669 and #13769); all since 1.34."""

Value = str | bool


def schedule(fleet: Fleet) -> dict[str, Value]:
    """Return the keys of when and how many, without a bucket: each server keeps its own."""
    hours = fleet.k3s.snapshots.every_hours
    return {
        "etcd-snapshot-schedule-cron": "0 0 * * *" if hours == 24 else f"0 */{hours} * * *",  # noqa: PLR2004 - a day
        "etcd-snapshot-retention": str(max(5, LOCAL_HOURS // hours)),
    }


def to_bucket(fleet: Fleet, s3: S3) -> dict[str, Value]:
    """
    Return the keys of the bucket, without the secret ones.

    Retention in S3 counts the snapshots of all servers together (rancher/rke2 #5216). Releases without a retention of
    its own apply that of the local copies there, which therefore is as large.
    """
    per_day = 24 // fleet.k3s.snapshots.every_hours
    kept = fleet.k3s.snapshots.keep_days * per_day * len(fleet.servers)
    values: dict[str, Value] = {
        "etcd-s3": True,
        "etcd-s3-endpoint": s3.endpoint,
        "etcd-s3-bucket": s3.bucket,
        "etcd-s3-region": s3.region,
        "etcd-s3-folder": FOLDER,
    }
    if s3.insecure:
        values["etcd-s3-insecure"] = True
    values["etcd-s3-retention" if _has_own_retention(fleet.k3s.version) else "etcd-snapshot-retention"] = str(kept)
    return values


def keys(s3: S3) -> Secret:
    """Return the drop-in with the pair of keys."""
    pair = {"etcd-s3-access-key": s3.access_key, "etcd-s3-secret-key": s3.secret_key}
    lines = ["# Written by koprogo-fleet, from Vault."]
    return Secret("\n".join([*lines, *(f"{key}: {json.dumps(value.reveal())}" for key, value in pair.items())]) + "\n")


def _has_own_retention(version: str) -> bool:
    found = re.match(r"v(\d+)\.(\d+)\.(\d+)", version)
    assert found is not None  # noqa: S101 - the model's pattern
    major, minor, patch = (int(number) for number in found.groups())
    newest = max(OWN_RETENTION_SINCE)
    return (major, minor) > (1, newest) or patch >= OWN_RETENTION_SINCE.get(minor, patch + 1)
