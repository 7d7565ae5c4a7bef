"""S3 containers (buckets) of a region, and who may use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from koprogo_fleet.ovh.client import OvhApi

ENABLED = "enabled"
READ_WRITE = "readWrite"
READ_ONLY = "readOnly"
ADMIN = "admin"
DENY = "deny"


@dataclass(frozen=True)
class Container:
    """
    An S3 container.

    Attributes:
        owner_id: the project user whose S3 credentials own it.
        virtual_host: the URL at which it is reached; the region's S3 endpoint is this without the container's name.
        size_bytes: of all its objects.
        versioning: whether overwritten and deleted objects are kept.
        encrypted: whether OVH encrypts the objects at rest (AES-256).
    """

    name: str
    region: str
    owner_id: int
    virtual_host: str
    objects: int
    size_bytes: int
    versioning: bool
    encrypted: bool
    tags: Mapping[str, str]


def list_containers(api: OvhApi, region: str) -> tuple[Container, ...]:
    """Return the containers of one region; there is no list over regions."""
    return tuple(_container(item) for item in api.get(api.in_project(f"/region/{region}/storage")))


def get_container(api: OvhApi, region: str, name: str) -> Container:
    """Return one container."""
    return _container(api.get(api.in_project(f"/region/{region}/storage/{name}")))


def create_container(  # noqa: PLR0913 - what a container is made of, by name
    api: OvhApi,
    region: str,
    name: str,
    owner_id: int,
    *,
    versioning: bool = False,
    encrypted: bool = True,
    tags: Mapping[str, str] | None = None,
) -> Container:
    """
    Create a container; its name is taken for the whole region, also by other customers.

    Raises:
        OvhConflict: the name is taken.
    """
    body: dict[str, Any] = {
        "name": name,
        "ownerId": owner_id,
        "encryption": {"sseAlgorithm": "AES256" if encrypted else "plaintext"},
    }
    if versioning:
        body["versioning"] = {"status": ENABLED}
    if tags:
        body["tags"] = dict(tags)
    return _container(api.post(api.in_project(f"/region/{region}/storage"), body))


def change_container(
    api: OvhApi, region: str, name: str, *, versioning: bool | None = None, tags: Mapping[str, str] | None = None
) -> None:
    """Change versioning (off means suspended: old versions stay) or tags; None leaves a thing as it is."""
    body: dict[str, Any] = {}
    if versioning is not None:
        body["versioning"] = {"status": ENABLED if versioning else "suspended"}
    if tags is not None:
        body["tags"] = dict(tags)
    api.put(api.in_project(f"/region/{region}/storage/{name}"), body)


def delete_container(api: OvhApi, region: str, name: str) -> None:
    """
    Delete an empty container.

    Raises:
        OvhError: it holds objects; they have to be deleted through S3 first.
    """
    api.delete(api.in_project(f"/region/{region}/storage/{name}"))


def grant_container(api: OvhApi, region: str, name: str, user_id: int, role: str = READ_WRITE) -> None:
    """Give a project user a *role* on one container: :data:`READ_WRITE`, :data:`READ_ONLY`, :data:`ADMIN`, :data:`DENY`."""
    api.post(api.in_project(f"/region/{region}/storage/{name}/policy/{user_id}"), {"roleName": role}, void=True)


def _container(item: dict[str, Any]) -> Container:
    return Container(
        name=item["name"],
        region=item["region"],
        owner_id=int(item["ownerId"]),
        virtual_host=item["virtualHost"],
        objects=int(item["objectsCount"]),
        size_bytes=int(item["objectsSize"]),
        versioning=(item.get("versioning") or {}).get("status") == ENABLED,
        encrypted=(item.get("encryption") or {}).get("sseAlgorithm") == "AES256",
        tags=dict(item.get("tags") or {}),
    )
