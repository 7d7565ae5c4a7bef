"""Pull secrets, by logins at a real HTTP server that speaks the registry's protocol."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
from kind_stage import Stage, change, read
from small_http import served
from small_registry import SmallRegistry

from koprogo_fleet.core.errors import BackendUnavailable, ProofFailed
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.kinds.registry_pull_secret import FILE, RegistryPullSecret, RegistryPullSecretSpec

KIND = RegistryPullSecret()
PASSWORD = "P%'\"\\: é"
TEXT = """
name: pull
kind: registry-pull-secret
vault: {{path: koprogo/pull}}
registry: {registry}
username: {{path: koprogo/registry, key: user}}
password: {{path: koprogo/registry, key: password}}
seconds: 1
"""


@pytest.fixture
def registry() -> SmallRegistry:
    """Return a registry with one user."""
    return SmallRegistry({"robot": PASSWORD})


@pytest.fixture
def spec(registry: SmallRegistry) -> Iterator[RegistryPullSecretSpec]:
    """Yield the specification for that registry, which is served meanwhile."""
    with served(registry) as address:
        yield read(RegistryPullSecretSpec, TEXT.format(registry=address.partition("//")[2]))


@pytest.fixture
def stage() -> Stage:
    """Return tools with which the robot's login is in Vault."""
    return Stage({"koprogo/registry": {"user": "robot", "password": PASSWORD}})


@pytest.mark.parametrize("scheme", ["bearer", "basic"])
def test_login(
    registry: SmallRegistry, spec: RegistryPullSecretSpec, stage: Stage, scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The file that is made of Vault's values logs in, by either protocol, and nothing of it is seen."""
    caplog.set_level(logging.DEBUG)
    registry.scheme = scheme

    values = KIND.create(spec, change(), stage.tools)
    KIND.prove(spec, values, stage.tools)

    assert 1 == registry.logins
    (entry,) = json.loads(values[FILE].reveal())["auths"].values()
    assert ("robot", PASSWORD) == (entry["username"], entry["password"])
    seen = f"{caplog.text}{stage.told}"
    assert "/v2/" in seen
    assert not [value for value in (PASSWORD, entry["auth"], "account=") if value in seen]


def test_the_same_file_again(spec: RegistryPullSecretSpec, stage: Stage) -> None:
    """What a rotation has made stays, whatever becomes of Vault's values: another rotation takes those."""
    values = KIND.create(spec, change(), stage.tools)
    stage.kept["koprogo/registry"]["password"] = "another"

    assert values == KIND.create(spec, change({}, values), stage.tools)
    assert values != KIND.create(spec, change(values), stage.tools)


@pytest.mark.parametrize(
    ("scheme", "realm", "password", "says"),
    [
        ("bearer", "", "formerP4ss", "401 Unauthorized"),
        ("basic", "", "formerP4ss", "401 Unauthorized"),
        ("none", "", PASSWORD, "asks nobody"),
        ("bearer", "http://elsewhere.example.org/token", PASSWORD, "no address for a credential"),
    ],
)
def test_no_proof(  # noqa: PLR0913, PLR0917 - what a refusal is made of
    registry: SmallRegistry,
    spec: RegistryPullSecretSpec,
    stage: Stage,
    scheme: str,
    realm: str,
    password: str,
    says: str,
) -> None:
    """A login that is refused, that nobody asks for, or that would travel without TLS proves nothing; no value is shown."""
    registry.scheme, registry.realm = scheme, realm
    stage.kept["koprogo/registry"]["password"] = password
    values = KIND.create(spec, change(), stage.tools)

    with pytest.raises(ProofFailed, match=says) as failed:
        KIND.prove(spec, values, stage.tools)

    assert password not in f"{failed.value} {failed.value.cause} {failed.value.next_step}"


def test_a_file_of_another_registry(spec: RegistryPullSecretSpec, stage: Stage) -> None:
    """A file without a login under the name that the registry has in it is refused without a question."""
    other = KIND.create(spec.model_copy(update={"registry": "ghcr.io"}), change(), stage.tools)

    named = spec.model_copy(update={"entry": "https://hub.example.org/v1/"})
    file = KIND.create(named, change(), stage.tools)
    KIND.prove(named, file, stage.tools)
    assert ["https://hub.example.org/v1/"] == [*json.loads(file[FILE].reveal())["auths"]]
    for values in (other, file, {FILE: Secret("no JSON")}, {}):
        with pytest.raises(ProofFailed, match="no login for 127"):
            KIND.prove(spec, values, stage.tools)


def test_no_registry_at_all(spec: RegistryPullSecretSpec, stage: Stage) -> None:
    """Nothing is proven, and nothing refuted, where nobody answers."""
    gone = spec.model_copy(update={"registry": "127.0.0.1:9"})

    with pytest.raises(BackendUnavailable, match="no answer"):
        KIND.prove(gone, KIND.create(gone, change(), stage.tools), stage.tools)
