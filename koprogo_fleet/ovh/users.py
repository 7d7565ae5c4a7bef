"""Users of a Public Cloud project, and their S3 credentials."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.ovh.client import OvhApi

OBJECT_STORE_OPERATOR = "objectstore_operator"
"""The role that lets a user reach containers, and nothing else of the project."""

OK = "ok"


@dataclass(frozen=True)
class ProjectUser:
    """
    A user of the project. It has no name of its choice: *username* is OVH's; the *description* tells it from others.

    Attributes:
        status: "creating" at first, then :data:`OK`.
        roles: their names.
    """

    id: int
    username: str
    description: str
    status: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class NewUser:
    """A user that was just created. The *password* is for OpenStack; it is never shown again."""

    user: ProjectUser
    password: Secret


@dataclass(frozen=True)
class S3Credential:
    """A pair of S3 keys of a user, without its secret half; *access* is the access key id."""

    access: str
    user_id: int
    tenant_id: str


@dataclass(frozen=True)
class NewS3Credential:
    """A pair of S3 keys that was just created."""

    credential: S3Credential
    secret: Secret


def list_users(api: OvhApi) -> tuple[ProjectUser, ...]:
    """Return the users of the project."""
    return tuple(_user(item) for item in api.get(api.in_project("/user")))


def get_user(api: OvhApi, user_id: int) -> ProjectUser:
    """Return one user."""
    return _user(api.get(api.in_project(f"/user/{user_id}")))


def create_user(api: OvhApi, description: str, roles: Sequence[str] = (OBJECT_STORE_OPERATOR,)) -> NewUser:
    """Create a user with *roles*; it is "creating" at first."""
    item = api.post(api.in_project("/user"), {"description": description, "roles": list(roles)})
    return NewUser(_user(item), Secret(item["password"]))


def delete_user(api: OvhApi, user_id: int) -> None:
    """Delete a user with its S3 credentials; the containers that it owns stay."""
    api.delete(api.in_project(f"/user/{user_id}"))


def list_s3_credentials(api: OvhApi, user_id: int) -> tuple[S3Credential, ...]:
    """Return a user's pairs of keys, without their secret halves."""
    return tuple(_credential(item) for item in api.get(api.in_project(f"/user/{user_id}/s3Credentials")))


def create_s3_credential(api: OvhApi, user_id: int) -> NewS3Credential:
    """Create a pair of keys; lists never show the secret half, only :func:`reveal_s3_secret` does."""
    item = api.post(api.in_project(f"/user/{user_id}/s3Credentials"))
    return NewS3Credential(_credential(item), Secret(item["secret"]))


def reveal_s3_secret(api: OvhApi, user_id: int, access: str) -> Secret:
    """Ask for the secret half of an existing pair: a call of its own, which a consumer key can be denied."""
    return Secret(api.post(api.in_project(f"/user/{user_id}/s3Credentials/{access}/secret"))["secret"])


def delete_s3_credential(api: OvhApi, user_id: int, access: str) -> None:
    """Delete a pair of keys; it stops working at once."""
    api.delete(api.in_project(f"/user/{user_id}/s3Credentials/{access}"))


def get_s3_policy(api: OvhApi, user_id: int) -> Mapping[str, Any] | None:
    """Return the S3 policy document of a user; None if there is none."""
    document: dict[str, Any] | None = json.loads(
        api.get(api.in_project(f"/user/{user_id}/policy")).get("policy") or "null"
    )
    return document


def set_s3_policy(api: OvhApi, user_id: int, policy: Mapping[str, Any]) -> None:
    """Replace what the user may do by an S3 policy document (``Statement``, ``Action``, ``Resource``)."""
    api.post(api.in_project(f"/user/{user_id}/policy"), {"policy": json.dumps(policy)}, void=True)


def _user(item: dict[str, Any]) -> ProjectUser:
    return ProjectUser(
        id=int(item["id"]),
        username=item["username"],
        description=item.get("description") or "",
        status=item["status"],
        roles=tuple(role["name"] for role in item.get("roles") or ()),
    )


def _credential(item: dict[str, Any]) -> S3Credential:
    return S3Credential(access=item["access"], user_id=int(item["userId"]), tenant_id=item["tenantId"])
