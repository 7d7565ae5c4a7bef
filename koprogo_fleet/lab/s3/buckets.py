"""The buckets on the disk, and who may see them: OVH's rules over the emulator's state."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

Record = Mapping[str, Any]
_ARN = "arn:aws:s3:::"
_LIST = "s3:ListBucket"


class Size(NamedTuple):
    """What is in a bucket."""

    objects: int
    size_bytes: int


def place_of(root: Path, container: Record) -> Path:
    """Return the directory of a container."""
    return root / str(container["region"]) / str(container["name"])


def size_of(directory: Path) -> Size:
    """Count the objects in a bucket's directory; one that is not there is empty."""
    files = [file.stat().st_size for file in directory.rglob("*") if file.is_file()]
    return Size(len(files), sum(files))


def keep_in_step(root: Path, data: Record) -> None:
    """Make the directory of each container, and remove those of containers that are gone."""
    wanted = {place_of(root, container) for container in data["containers"].values()}
    for directory in wanted:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    for directory in set(root.glob("*/*")) - wanted:
        directory.rmdir()  # OVH deletes empty ones alone


def answer(root: Path, data: Record, access: str) -> Mapping[str, str]:
    """
    Return what rclone's auth proxy protocol wants for an access key: the secret, and the buckets that its user may see.

    A user sees its own buckets, and those that its policy lets it list; whatever else there is does not exist for it.
    An unknown key gets an answer without a secret, which rclone refuses.
    """
    credential = data["s3_credentials"].get(access)
    if credential is None:
        return {"type": "local", "_root": "/nonexistent"}
    user = data["users"][str(credential["user_id"])]
    seen = [
        f'"{container["name"]}={place_of(root, container)}"'
        for container in data["containers"].values()
        if container["owner_id"] == user["id"] or _may_list(user, container["name"])
    ]
    secret = {"_secret_access_key": str(credential["secret"])}
    if not seen:
        nothing = root.parent / "s3-nothing"
        nothing.mkdir(mode=0o700, exist_ok=True)
        return {"type": "local", "_root": str(nothing), **secret}
    return {"type": "combine", "upstreams": " ".join(seen), "_root": "", **secret}


def _may_list(user: Record, bucket: str) -> bool:
    allowed = False
    for statement in json.loads(user["policy"] or "{}").get("Statement", ()):
        actions, resources = _many(statement.get("Action")), _many(statement.get("Resource"))
        if any(fnmatch.fnmatchcase(_LIST, action) for action in actions) and any(
            fnmatch.fnmatchcase(f"{_ARN}{bucket}", resource) for resource in resources
        ):
            if statement.get("Effect") == "Deny":
                return False
            allowed = True
    return allowed


def _many(value: object) -> Iterator[str]:
    yield from map(str, value) if isinstance(value, list) else [str(value or "")]
