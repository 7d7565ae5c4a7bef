"""Snapshots of etcd on this server and in S3: made, listed, deleted, kept in number, as K3s' pkg/etcd/snapshot.go does."""

from __future__ import annotations

import datetime as dt
import re
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.core.errors import InputError, KubernetesError
from koprogo_fleet.lab.standin.node.config import Values
from koprogo_fleet.lab.standin.node.layout import Layout
from koprogo_fleet.lab.standin.node.log import log
from koprogo_fleet.lab.standin.node.s3 import S3
from koprogo_fleet.lab.standin.node.s3_settings import S3Settings

COMPRESSED = ".zip"
METADATA = ".metadata"


@dataclass(frozen=True)
class SnapshotFile:
    """One snapshot; *node* is "s3" for one in S3."""

    name: str
    location: str
    size: int
    created: dt.datetime
    node: str


class Snapshots:
    """
    The snapshots that *node* has and may make.

    Args:
        layout: where the default directory is.
        node: the server's name.
        values: the configuration, for the directory and compression.
        s3: None where S3 is off.
    """

    def __init__(self, layout: Layout, node: str, values: Values, s3: S3Settings | None) -> None:
        self._node = node
        self._s3 = s3
        self._compress = values.get("etcd-snapshot-compress") is True
        default = layout.data_dir / "server/db/snapshots"
        self._directory = Path(str(values.get("etcd-snapshot-dir") or default))
        self._is_default = self._directory == default

    def save(self, name: str, save_to: Callable[[Path], None], retention: int = 0, remote_retention: int = 0) -> None:
        """
        Make a snapshot named ``NAME-NODE-TIME``, and upload it; a failed upload is told, and fails nothing.

        Args:
            name: what its name begins with.
            save_to: has etcd write one.
            retention: how many of this name and node are kept here; 0 keeps all.
            remote_retention: how many of this name, of whatever node, are kept in S3.

        Raises:
            KubernetesError: etcd does not answer, or the directory is not there.
        """
        directory = self._ensured()
        file = directory / f"{name}-{self._node}-{round(time.time())}"
        log.info("Saving etcd snapshot to %s", file)
        save_to(file)
        if self._compress:
            file = _compressed(file)
        log.info("Snapshot %s saved.", file.name)
        self._keep_local(name, retention)
        if self._s3:
            log.info("Saving etcd snapshot %s to S3", file.name)
            try:
                bucket = S3(self._s3)
                bucket.put(file, file.name)
                log.info("S3 upload complete for %s", file.name)
                self._keep_remote(bucket, name, remote_retention)
            except KubernetesError as error:
                log.error("Error received during snapshot upload to S3: %s", error)

    def listed(self) -> list[SnapshotFile]:
        """
        Return the local ones, and those in S3 where that is on, by name.

        Raises:
            KubernetesError: S3 refuses.
        """
        found = self._local()
        if self._s3:
            found += self._remote(S3(self._s3))
        return sorted(found, key=lambda snapshot: (snapshot.name, snapshot.location))

    def delete(self, names: tuple[str, ...]) -> None:
        """
        Delete snapshots by their names, here and in S3 where that is on.

        Raises:
            KubernetesError: S3 refuses.
        """
        bucket = S3(self._s3) if self._s3 else None
        found = [*self._local(), *(self._remote(bucket) if bucket else ())]
        for name in names:
            mine = [snapshot for snapshot in found if snapshot.name == name]
            if not mine:
                log.info("Snapshot %s not found.", name)
            for snapshot in mine:
                if snapshot.node == "s3" and bucket:
                    bucket.delete(name)
                else:
                    (self._directory / name).unlink()
            if mine:
                log.info("Snapshot %s deleted.", name)

    def prune(self, name: str, retention: int) -> None:
        """
        Delete the oldest ones of a name beyond *retention*.

        Raises:
            KubernetesError: S3 refuses.
        """
        self._keep_local(name, retention)
        if self._s3:
            self._keep_remote(S3(self._s3), name, retention)

    def fetch(self, name: str) -> Path:
        """
        Download a snapshot from S3 into the directory, and return the file.

        Raises:
            KubernetesError: S3 refuses, or does not have it.
        """
        assert self._s3 is not None  # noqa: S101 - asked only where S3 is on
        log.info("Retrieving etcd snapshot %s from S3", name)
        file = self._ensured() / Path(name).name
        S3(self._s3).get(name, file)
        log.info("S3 download complete for %s", name)
        return file

    def _ensured(self) -> Path:
        if self._is_default:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self._directory.is_dir():
            raise KubernetesError(f"failed to get etcd-snapshot-dir: stat {self._directory}: no such file or directory")
        return self._directory

    def _local(self) -> list[SnapshotFile]:
        files = [file for file in self._directory.rglob("*") if file.is_file()] if self._directory.is_dir() else []
        return [
            SnapshotFile(
                file.name,
                f"file://{file}",
                file.stat().st_size,
                _created(file.name, file.stat().st_mtime),
                self._node,
            )
            for file in files
        ]

    def _remote(self, bucket: S3) -> list[SnapshotFile]:
        assert self._s3 is not None  # noqa: S101 - there is a bucket
        return [
            SnapshotFile(
                Path(item.key).name,
                f"s3://{self._s3.bucket}/{item.key}",
                item.size,
                _created(item.key, item.modified.timestamp()),
                "s3",
            )
            for item in bucket.list()
            if item.size and METADATA not in item.key.split("/")
        ]

    def _keep_local(self, name: str, retention: int) -> None:
        for snapshot in _beyond(self._local(), f"{name}-{self._node}-", retention):
            (self._directory / snapshot.name).unlink(missing_ok=True)
            log.info("Snapshot %s deleted.", snapshot.name)

    def _keep_remote(self, bucket: S3, name: str, retention: int) -> None:
        for snapshot in _beyond(self._remote(bucket), f"{name}-", retention):
            bucket.delete(snapshot.name)
            log.info("Snapshot %s deleted.", snapshot.name)


def decompressed(file: Path) -> Path:
    """
    Return the snapshot in a compressed file, beside it; any other file is one itself.

    Raises:
        InputError: it is no zip archive.
    """
    if file.suffix != COMPRESSED:
        return file
    log.info("Decompressing etcd snapshot file: %s", file)
    try:
        with zipfile.ZipFile(file) as archive:
            return Path(archive.extract(archive.namelist()[0], file.parent))
    except (zipfile.BadZipFile, IndexError) as error:
        raise InputError(f"zip: not a valid zip file: {file}") from error


def _compressed(file: Path) -> Path:
    log.info("Compressing etcd snapshot file: %s", file.name)
    target = file.with_name(file.name + COMPRESSED)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(file, file.name)
    target.chmod(0o600)
    file.unlink()
    return target


def _beyond(snapshots: list[SnapshotFile], prefix: str, retention: int) -> list[SnapshotFile]:
    if retention < 1:
        return []
    named = sorted((one for one in snapshots if one.name.startswith(prefix)), key=lambda one: one.created)
    return named[: max(0, len(named) - retention)]


def _created(name: str, otherwise: float) -> dt.datetime:
    found = re.search(r"-(\d+)$", Path(name).name.removesuffix(COMPRESSED))
    return dt.datetime.fromtimestamp(int(found[1]) if found else otherwise, dt.UTC)
