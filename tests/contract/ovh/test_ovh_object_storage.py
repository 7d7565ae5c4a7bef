"""Containers, project users and S3 credentials: our adapters and python-ovh against the emulator."""

from __future__ import annotations

import json

import pytest
import python_ovh
from emulated_cloud import Cloud

from koprogo_fleet.core.errors import OvhConflict, OvhError, OvhNotFound
from koprogo_fleet.ovh import object_storage, users

REGION = "GRA11"
NAME = "koprogo-backups"
NOTHING = python_ovh.NOTHING
USER = {
    "id": int,
    "username": str,
    "description": str,
    "creationDate": str,
    "openstackId": str,
    "status": str,
    "roles": [{"id": str, "name": str, "description": str, "permissions": [str]}],
}
CREDENTIAL = {"access": str, "tenantId": str, "userId": str}
CONTAINER = {
    "name": str,
    "region": str,
    "ownerId": int,
    "virtualHost": str,
    "createdAt": str,
    "objectsCount": int,
    "objectsSize": int,
    "objects": [dict],
    "versioning": {"status": str},
    "encryption": {"sseAlgorithm": str},
    "objectLock": (dict, NOTHING),
    "replication": (dict, NOTHING),
    "tags": dict,
}


def test_container_life(cloud: Cloud) -> None:
    """A container belongs to a user, is changed in place, is listed in its region alone, and is deleted."""
    api = cloud.api()
    owner = users.create_user(api, "koprogo backups").user

    made = object_storage.create_container(api, REGION, NAME, owner.id, versioning=True, tags={"fleet": "koprogo"})

    assert (owner.id, True, True, {"fleet": "koprogo"}) == (made.owner_id, made.versioning, made.encrypted, made.tags)
    assert NAME in made.virtual_host
    assert (made,) == object_storage.list_containers(api, REGION)
    assert () == object_storage.list_containers(api, "SBG5")
    object_storage.change_container(api, REGION, NAME, versioning=False, tags={})
    changed = object_storage.get_container(api, REGION, NAME)
    assert (False, {}) == (changed.versioning, changed.tags)
    with pytest.raises(OvhConflict, match="already exists"):
        object_storage.create_container(api, REGION, NAME, owner.id)
    object_storage.grant_container(api, REGION, NAME, owner.id, object_storage.READ_ONLY)
    with cloud.state.look() as data:
        assert {str(owner.id): "readOnly"} == data["containers"][f"{REGION}/{NAME}"]["grants"]
    object_storage.delete_container(api, REGION, NAME)
    assert () == object_storage.list_containers(api, REGION)


def test_container_with_objects_stays(cloud: Cloud) -> None:
    """A container that holds objects cannot be deleted."""
    api = cloud.api()
    owner = users.create_user(api, "backups").user
    object_storage.create_container(api, REGION, NAME, owner.id)
    place = cloud.state.path.parent / "s3" / REGION / NAME / "etcd"
    place.mkdir(parents=True)
    for number, size in enumerate((4000, 90, 6)):
        (place / str(number)).write_bytes(b"." * size)

    with pytest.raises(OvhError, match="not empty"):
        object_storage.delete_container(api, REGION, NAME)

    kept = object_storage.get_container(api, REGION, NAME)
    assert (3, 4096) == (kept.objects, kept.size_bytes)


def test_user_has_only_its_role(cloud: Cloud) -> None:
    """A new user has the object store's role alone; an unknown role is refused; a deleted user is gone."""
    api = cloud.api()

    made = users.create_user(api, "koprogo backups")

    listed = users.list_users(api)
    assert [(made.user.id, "koprogo backups", ("objectstore_operator",))] == [
        (user.id, user.description, user.roles) for user in listed
    ]
    assert ("creating", users.OK) == (made.user.status, users.get_user(api, made.user.id).status)
    assert made.password.reveal()
    with pytest.raises(OvhError, match="Invalid role"):
        users.create_user(api, "x", roles=("emperor",))
    users.delete_user(api, made.user.id)
    assert () == users.list_users(api)


def test_s3_secret_is_shown_once(cloud: Cloud) -> None:
    """The secret comes with the creation as a Secret, in no list, and again by its own route only."""
    api = cloud.api()
    user = users.create_user(api, "koprogo backups").user

    made = users.create_s3_credential(api, user.id)

    secret = made.secret.reveal()
    assert secret not in repr(made)
    assert (made.credential,) == users.list_s3_credentials(api, user.id)
    assert secret not in json.dumps(api.get(api.in_project(f"/user/{user.id}/s3Credentials")))
    assert secret not in json.dumps(api.get(api.in_project(f"/user/{user.id}/s3Credentials/{made.credential.access}")))
    assert made.secret == users.reveal_s3_secret(api, user.id, made.credential.access)
    users.delete_s3_credential(api, user.id, made.credential.access)
    assert () == users.list_s3_credentials(api, user.id)
    with pytest.raises(OvhNotFound):
        users.reveal_s3_secret(api, user.id, made.credential.access)


def test_s3_credentials_belong_to_their_user(cloud: Cloud) -> None:
    """One user's keys are not another's, and go with their user."""
    api = cloud.api()
    first, second = (users.create_user(api, name).user for name in ("a", "b"))
    made = users.create_s3_credential(api, first.id)

    with pytest.raises(OvhNotFound):
        users.reveal_s3_secret(api, second.id, made.credential.access)
    users.delete_user(api, first.id)

    with cloud.state.look() as data:
        assert {} == data["s3_credentials"]


def test_s3_policy(cloud: Cloud) -> None:
    """A policy document reaches the user as it is; what is no document is refused."""
    api = cloud.api()
    user = users.create_user(api, "backups").user
    policy = {"Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": [f"arn:aws:s3:::{NAME}/*"]}]}

    users.set_s3_policy(api, user.id, policy)

    assert policy == json.loads(api.get(api.in_project(f"/user/{user.id}/policy"))["policy"])
    with pytest.raises(OvhError, match="not a JSON document"):
        api.post(api.in_project(f"/user/{user.id}/policy"), {"policy": "allow all"})


def test_object_storage_by_python_ovh(cloud: Cloud) -> None:
    """OVH's own client works with every route of users and containers; each answer has exactly the schema's fields."""
    client = python_ovh.client(cloud)
    project = f"/cloud/project/{cloud.state.keys.project_id}"
    user = client.post(f"{project}/user", description="backups", roles=["objectstore_operator"])
    python_ovh.check(user, {**USER, "password": str})
    number = user["id"]
    python_ovh.check(client.get(f"{project}/user"), [USER])
    python_ovh.check(client.get(f"{project}/user/{number}"), USER)
    keys = client.post(f"{project}/user/{number}/s3Credentials")
    python_ovh.check(keys, {**CREDENTIAL, "secret": str})
    python_ovh.check(client.get(f"{project}/user/{number}/s3Credentials"), [CREDENTIAL])
    python_ovh.check(client.get(f"{project}/user/{number}/s3Credentials/{keys['access']}"), CREDENTIAL)
    python_ovh.check(client.post(f"{project}/user/{number}/s3Credentials/{keys['access']}/secret"), {"secret": str})
    assert client.post(f"{project}/user/{number}/policy", policy="{}") is None

    storage = f"{project}/region/{REGION}/storage"
    python_ovh.check(client.post(storage, name=NAME, ownerId=number), CONTAINER)
    python_ovh.check(client.get(storage), [CONTAINER])
    python_ovh.check(client.get(f"{storage}/{NAME}"), CONTAINER)
    assert client.put(f"{storage}/{NAME}", tags={"a": "b"}) is None
    assert client.post(f"{storage}/{NAME}/policy/{number}", roleName="readWrite") is None
    assert client.delete(f"{storage}/{NAME}") is None
    assert client.delete(f"{project}/user/{number}/s3Credentials/{keys['access']}") is None
    assert client.delete(f"{project}/user/{number}") is None
