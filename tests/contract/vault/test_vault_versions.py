"""Versions of a secret, what is written beside it, and what is gone for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from vault_administrator import Administrator

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.vault import Stored, Vault


@pytest.fixture
def folder() -> str:
    """Return a folder that no other test uses."""
    return f"koprogo/{uuid4()}"


@pytest.fixture
def kv(administrator: Administrator) -> Vault:
    """Return a client that may do everything."""
    return Vault(administrator.session)


def secret(value: str) -> dict[str, Secret]:
    """Return a secret of one key."""
    return {"a": Secret(value)}


def test_versions(kv: Vault, folder: str) -> None:
    """Each version is there with its time until it is destroyed; its number stays, and the others are untouched."""
    before = datetime.now(UTC) - timedelta(seconds=1)
    for number in range(3):
        kv.write(f"{folder}/x", secret(str(number)), expected_version=number)

    kv.destroy_versions(f"{folder}/x", [1, 2, 99])
    kv.destroy_versions(f"{folder}/x", [1])

    metadata = kv.metadata(f"{folder}/x")
    assert metadata is not None
    assert metadata.current == 3
    assert {1: True, 2: True, 3: False} == {number: one.destroyed for number, one in metadata.versions.items()}
    assert all(before < one.created < datetime.now(UTC) + timedelta(seconds=1) for one in metadata.versions.values())
    assert kv.read(f"{folder}/x", 2) == Stored({}, 2)
    assert kv.read(f"{folder}/x", 3) == Stored(secret("2"), 3)


def test_a_deleted_version(kv: Vault, administrator: Administrator, folder: str) -> None:
    """A deleted version is told from a destroyed one: it has the time of its deletion."""
    kv.write(f"{folder}/x", secret("1"), expected_version=0)
    administrator.write(f"secret/delete/{folder}/x", versions=[1])

    metadata = kv.metadata(f"{folder}/x")

    assert metadata is not None
    assert (metadata.versions[1].deleted is None, metadata.versions[1].destroyed) == (False, False)


def test_nothing_there(kv: Vault, folder: str) -> None:
    """Of what was never written there is no metadata, no list, and nothing to remove."""
    assert kv.metadata(f"{folder}/x") is None
    assert kv.list(folder) == ()
    kv.delete_metadata(f"{folder}/x")
    kv.destroy_versions(f"{folder}/x", [])


def test_list_and_remove(kv: Vault, folder: str) -> None:
    """Names and folders are listed; what is removed leaves no version behind."""
    for name in ("b", "a", "deep/c"):
        kv.write(f"{folder}/{name}", secret("1"), expected_version=0)

    assert kv.list(folder) == ("a", "b", "deep/")
    kv.delete_metadata(f"{folder}/a")
    assert kv.list(folder) == ("b", "deep/")
    assert kv.read(f"{folder}/a") is None


def test_custom_metadata_leaves_the_rest(kv: Vault, administrator: Administrator, folder: str) -> None:
    """What is written beside a secret changes neither its versions nor after what time they delete themselves."""
    path = f"{folder}/with space"
    administrator.write(f"secret/metadata/{folder}/with%20space", delete_version_after="720h", max_versions=7)
    kv.write(path, secret("1"), expected_version=0)

    kv.put_custom_metadata(path, {"owner": "ops", "kind": "password"})
    kv.put_custom_metadata(path, {"owner": "dev"})

    metadata = kv.metadata(path)
    assert metadata is not None
    assert (metadata.custom, metadata.delete_version_after, metadata.current) == ({"owner": "dev"}, "720h0m0s", 1)
    assert administrator.read(f"secret/metadata/{folder}/with%20space")["max_versions"] == 7
