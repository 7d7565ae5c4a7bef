"""S3 keys made and deleted at the emulator of OVH, and proven at an S3 server that knows its users."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from emulated_cloud import Cloud
from kind_stage import Stage, change, read
from rclone_s3 import s3

from koprogo_fleet.core.errors import InputError, MissingRequirement, OvhUnavailable, ProofFailed
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.lab.ovh_api.faults import Kind as Fault
from koprogo_fleet.lab.s3.binary import rclone
from koprogo_fleet.ovh import object_storage, users
from koprogo_fleet.secrets.kinds.s3_credentials import S3Credentials, S3CredentialsSpec
from koprogo_fleet.secrets.spec import Values

KIND = S3Credentials()
SPEC: S3CredentialsSpec = read(
    S3CredentialsSpec,
    """
name: media
kind: s3-credentials
vault: {path: koprogo/media}
user: koprogo media
region: GRA
bucket: media
seconds: 1
""",
)
CREATION = "/cloud/project/*/user/*/s3Credentials"


@pytest.fixture
def stage(cloud: Cloud) -> Stage:
    """Return tools with the emulator, which has the user with one pair of keys."""
    user = users.create_user(cloud.api(), SPEC.user).user
    users.create_s3_credential(cloud.api(), user.id)
    return Stage(services={"object-storage": cloud.api})


def accesses(cloud: Cloud) -> set[str]:
    """Return the access keys of the one user."""
    api = cloud.api()
    (user,) = users.list_users(api)
    return {credential.access for credential in users.list_s3_credentials(api, user.id)}


def the_former(cloud: Cloud) -> Values:
    """Return the pair that is there before, as Vault has it."""
    (access,) = accesses(cloud)
    (user,) = users.list_users(cloud.api())
    secret = users.reveal_s3_secret(cloud.api(), user.id, access)
    return {"access-key": Secret(access), "secret-key": secret}


def test_a_whole_rotation(cloud: Cloud, stage: Stage) -> None:
    """A new pair beside the former, which alone is deleted at the end; stages that are repeated do no more."""
    former = the_former(cloud)
    notes = KIND.begin(SPEC, change(former), stage.tools)
    new = KIND.create(SPEC, change(former, notes=notes), stage.tools)

    assert notes == KIND.begin(SPEC, change(former, new, notes), stage.tools)
    assert new == KIND.create(SPEC, change(former, new, notes), stage.tools)
    assert accesses(cloud) == {former["access-key"].reveal(), new["access-key"].reveal()}
    for _ in range(2):
        KIND.revoke(SPEC, change(former, new, notes), stage.tools)
    assert accesses(cloud) == {new["access-key"].reveal()}
    assert not [value for value in (former, new) if value["secret-key"].reveal() in f"{notes}{stage.told}"]


def test_the_way_back(cloud: Cloud, stage: Stage) -> None:
    """The new pair is deleted, and the former stays; a change that never began leaves all as it is."""
    former = the_former(cloud)
    KIND.discard(SPEC, change(former), stage.tools)
    notes = KIND.begin(SPEC, change(former), stage.tools)
    new = KIND.create(SPEC, change(former, notes=notes), stage.tools)

    for _ in range(2):
        KIND.discard(SPEC, change(former, new, notes), stage.tools)

    assert accesses(cloud) == {former["access-key"].reveal()}


@pytest.mark.parametrize("fault", [Fault.TRUNCATED, Fault.HTML_500_AFTER_SUCCESS])
def test_a_lost_answer_leaves_no_orphan(cloud: Cloud, stage: Stage, fault: Fault) -> None:
    """A pair whose secret half is lost is deleted before another is made, and on the way back."""
    former = the_former(cloud)
    notes = KIND.begin(SPEC, change(former), stage.tools)
    for _ in range(2):
        cloud.fault(fault, "POST", CREATION)
        with pytest.raises(OvhUnavailable):
            KIND.create(SPEC, change(former, notes=notes), stage.tools)
        assert 2 == len(accesses(cloud))

    new = KIND.create(SPEC, change(former, notes=notes), stage.tools)
    assert accesses(cloud) == {former["access-key"].reveal(), new["access-key"].reveal()}
    KIND.discard(SPEC, change(former, notes=notes), stage.tools)
    assert accesses(cloud) == {former["access-key"].reveal()}


def test_which_user(cloud: Cloud, stage: Stage) -> None:
    """No user of that description, or two, are refused before anything is made."""
    with pytest.raises(InputError, match='0 users of the project have the description "nobody"'):
        KIND.begin(SPEC.model_copy(update={"user": "nobody"}), change(), stage.tools)
    users.create_user(cloud.api(), SPEC.user)

    with pytest.raises(InputError, match="2 users"):
        KIND.begin(SPEC, change(), stage.tools)


def test_proof(cloud: Cloud, stage: Stage, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The keys open the bucket over verified TLS; a wrong half and another bucket do not; no signature is logged or told."""
    try:
        rclone()
    except MissingRequirement as reason:
        pytest.skip(str(reason))
    caplog.set_level(logging.DEBUG)
    former = the_former(cloud)
    (user,) = users.list_users(cloud.api())
    object_storage.create_container(cloud.api(), "GRA", "media", user.id)
    notes = KIND.begin(SPEC, change(former), stage.tools)
    new = KIND.create(SPEC, change(former, notes=notes), stage.tools)
    with s3(cloud.state, tmp_path) as (endpoint, ca):
        spec = SPEC.model_copy(update={"endpoint": endpoint, "ca": ca})

        KIND.prove(spec, former, stage.tools)
        KIND.prove(spec, new, stage.tools)

        with pytest.raises(ProofFailed, match="403 Forbidden"):
            KIND.prove(spec, {**new, "secret-key": former["secret-key"]}, stage.tools)
        with pytest.raises(ProofFailed, match="404 Not Found"):
            KIND.prove(spec.model_copy(update={"bucket": "other"}), new, stage.tools)
        with pytest.raises(ProofFailed, match="does not prove who it is"):
            KIND.prove(spec.model_copy(update={"ca": None}), new, stage.tools)
    KIND.revoke(SPEC, change(former, new, notes), stage.tools)
    with s3(cloud.state, tmp_path) as (endpoint, _):
        spec = spec.model_copy(update={"endpoint": endpoint})
        KIND.prove(spec, new, stage.tools)
        with pytest.raises(ProofFailed, match="403 Forbidden"):
            KIND.prove(spec, former, stage.tools)

    seen = f"{caplog.text}{stage.told}"
    assert "/media" in seen
    assert not [value for value in ("Signature=", new["secret-key"].reveal()) if value in seen]
