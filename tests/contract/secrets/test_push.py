"""One secret's whole road: a real OpenBao, a real API server, and a controller that unseals."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from sealing_controller import MERGE, Api

from koprogo_fleet.core.diff import Difference
from koprogo_fleet.core.errors import InputError, WaitTimeout, WeakSecret
from koprogo_fleet.core.events import ignore
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.kube import Cluster
from koprogo_fleet.secrets import push
from koprogo_fleet.secrets.kinds.kind import Tools
from koprogo_fleet.secrets.model import SecretSpec, read_secret
from koprogo_fleet.secrets.push import Make
from koprogo_fleet.secrets.rotation.delivery import ToCluster
from koprogo_fleet.secrets.rotation.engine import Engine
from koprogo_fleet.secrets.sealing.words import API_VERSION, KIND
from koprogo_fleet.vault import Stored, Vault


def spec(namespace: str, key: str = "PASSWORD", name: str = "api") -> SecretSpec:
    """Return the specification of a secret in *namespace*."""
    return read_secret(
        {
            "name": f"{name}-{key.lower()}",
            "kind": "random-password",
            "vault": {"path": f"koprogo/{namespace}", "key": key},
            "targets": [{"namespace": namespace, "name": name, "key": key}],
        }
    )


@pytest.fixture
def make(vault: Vault, cluster: Cluster, namespace: str) -> Make:
    """Return what makes the values that Vault lacks."""
    tools = Tools(lambda: vault, lambda: cluster, ignore)
    return Engine(vault, namespace, ToCluster((), vault, cluster), tools, "secrets push").first


def texts(differences: Iterable[Difference]) -> list[str]:
    """Return *differences* as a person sees them."""
    return [str(difference) for difference in differences]


@pytest.mark.usefixtures("controller")
def test_from_nothing(vault: Vault, cluster: Cluster, make: Make, namespace: str) -> None:
    """What was planned is done: a value in Vault, and the same one in the cluster; then there is nothing left to do."""
    specs = [spec(namespace)]
    planned = push.plan(specs, vault, cluster)
    assert texts(planned) == [
        f"create vault secret koprogo/{namespace} PASSWORD: a random-password",
        f"create secret {namespace}/api: from vault koprogo/{namespace}=1",
    ]
    assert vault.read(f"koprogo/{namespace}") is None

    assert push.apply(specs, vault, cluster, make) == planned

    stored = vault.read(f"koprogo/{namespace}")
    assert stored is not None
    assert cluster.secret(namespace, "api") == stored.values
    assert len(stored.values["PASSWORD"].reveal()) == 32
    assert push.plan(specs, vault, cluster) == ()


@pytest.mark.usefixtures("controller")
def test_second_run_writes_nothing(vault: Vault, cluster: Cluster, make: Make, namespace: str) -> None:
    """The second run changes neither Vault nor the cluster."""
    specs = [spec(namespace)]
    push.apply(specs, vault, cluster, make)
    before = cluster.get(API_VERSION, KIND, "api", namespace), vault.read(f"koprogo/{namespace}")

    assert push.apply(specs, vault, cluster, make) == ()

    assert (cluster.get(API_VERSION, KIND, "api", namespace), vault.read(f"koprogo/{namespace}")) == before


def test_plan_without_a_cluster(vault: Vault, namespace: str) -> None:
    """Before there is a cluster, everything is planned to be made."""
    assert len(push.plan([spec(namespace)], vault, None)) == 2


@pytest.mark.usefixtures("controller")
def test_hostile_values(vault: Vault, cluster: Cluster, make: Make, namespace: str) -> None:
    """A value that a person wrote to Vault arrives character by character, whatever it is."""
    hostile = Secret("\"'`$(reboot)\\\n\r\0\t🏠\U0001d50e{{ .Values }}")
    vault.write(f"koprogo/{namespace}", {"PASSWORD": hostile}, expected_version=0)

    push.apply([spec(namespace)], vault, cluster, make)

    assert cluster.secret(namespace, "api") == {"PASSWORD": hostile}


@pytest.mark.usefixtures("controller")
@pytest.mark.parametrize(
    "data",
    [
        {"PASSWORD": "Ynk="},
        {"PASSWORD": "//4="},
        {"PASSWORD": None},
    ],
    ids=["other text", "no text", "key removed"],
)
def test_changed_by_hand(  # noqa: PLR0913, PLR0917 - fixtures, and one case
    vault: Vault, cluster: Cluster, make: Make, kubernetes: Path, namespace: str, data: dict[str, str | None]
) -> None:
    """A Secret that a person changed holds Vault's value again."""
    specs = [spec(namespace)]
    push.apply(specs, vault, cluster, make)
    stored = vault.read(f"koprogo/{namespace}")
    Api(kubernetes).patch(f"/api/v1/namespaces/{namespace}/secrets/api", {"data": data}, MERGE)
    assert len(push.plan(specs, vault, cluster)) == 1

    assert len(push.apply(specs, vault, cluster, make)) == 1

    assert stored is not None
    assert cluster.secret(namespace, "api") == stored.values
    assert vault.read(f"koprogo/{namespace}") == stored
    assert push.plan(specs, vault, cluster) == ()


@pytest.mark.usefixtures("controller")
def test_what_nobody_asked_for_is_left(
    vault: Vault, cluster: Cluster, make: Make, kubernetes: Path, namespace: str
) -> None:
    """A key that secrets.yaml does not name is told, is no difference, and outlives the next sealing."""
    specs, told = [spec(namespace)], []
    push.apply(specs, vault, cluster, make)
    path = f"/api/v1/namespaces/{namespace}/secrets/api"
    Api(kubernetes).patch(path, {"data": {"EXTRA": "ZXh0cmE="}}, MERGE)
    assert push.plan(specs, vault, cluster, told.append) == ()
    assert [f"the Secret {namespace}/api also holds EXTRA, which secrets.yaml does not name: left alone"] == [
        event.text for event in told
    ]

    for version in (1, 2):  # at first it is in the live Secret alone, then in the sealed one, too
        vault.write(f"koprogo/{namespace}", {"PASSWORD": Secret(f"number {version}")}, expected_version=version)
        assert push.apply(specs, vault, cluster, make) != ()
        assert cluster.secret(namespace, "api") == {"PASSWORD": Secret(f"number {version}"), "EXTRA": Secret("extra")}


@pytest.mark.usefixtures("controller")
def test_bytes_that_cannot_be_sealed_are_not_deleted(
    vault: Vault, cluster: Cluster, make: Make, kubernetes: Path, namespace: str
) -> None:
    """A foreign key whose content is not text stops the push before anything is lost."""
    specs = [spec(namespace)]
    push.apply(specs, vault, cluster, make)
    path = f"/api/v1/namespaces/{namespace}/secrets/api"
    Api(kubernetes).patch(path, {"data": {"KEYSTORE": "//4=", "PASSWORD": "b3RoZXI="}}, MERGE)

    with pytest.raises(InputError, match="holds the key KEYSTORE"):
        push.apply(specs, vault, cluster, make)

    found = Api(kubernetes).get(path)
    assert found is not None
    assert found["data"]["KEYSTORE"] == "//4="


def test_a_default_is_refused(vault: Vault, cluster: Cluster, make: Make, namespace: str) -> None:
    """A value that everybody knows never reaches the cluster; the error names the secret, not the value."""
    vault.write(f"koprogo/{namespace}", {"PASSWORD": Secret("KoproGo123")}, expected_version=0)

    with pytest.raises(WeakSecret, match="the secret api-password is refused") as caught:
        push.apply([spec(namespace)], vault, cluster, make)

    assert "KoproGo123" not in f"{caught.value} {caught.value.cause} {caught.value.next_step}"
    assert cluster.secret(namespace, "api") is None


def test_a_person_is_asked_for_what_only_a_person_has(
    vault: Vault, cluster: Cluster, make: Make, namespace: str
) -> None:
    """A static secret that Vault lacks is never made up; nothing else is changed before that is told."""
    written = {"name": "smtp", "kind": "static", "owner": "mail@example.org", "vault": {"path": f"koprogo/{namespace}"}}

    with pytest.raises(InputError, match=r"the secret smtp is made by a person \(mail@example\.org\)"):
        push.apply([spec(namespace), read_secret(written)], vault, cluster, make)

    assert vault.read(f"koprogo/{namespace}") is None


@pytest.mark.usefixtures("controller")
def test_deleted_sealed_secret(vault: Vault, cluster: Cluster, make: Make, namespace: str) -> None:
    """A SealedSecret that was deleted comes back, and its Secret with the same value."""
    specs = [spec(namespace)]
    push.apply(specs, vault, cluster, make)
    before = cluster.secret(namespace, "api")
    cluster.delete(API_VERSION, KIND, "api", namespace)

    assert push.apply(specs, vault, cluster, make) != ()

    sealed = cluster.get(API_VERSION, KIND, "api", namespace)
    assert sealed is not None
    assert cluster.secret(namespace, "api") == before
    assert cluster.owners("v1", "Secret", "api", namespace) == {sealed["metadata"]["uid"]}, "it would be collected"


@pytest.mark.usefixtures("controller")
def test_new_version_in_vault(vault: Vault, cluster: Cluster, make: Make, namespace: str) -> None:
    """A value that was changed in Vault reaches the cluster."""
    specs = [spec(namespace)]
    push.apply(specs, vault, cluster, make)
    vault.write(f"koprogo/{namespace}", {"PASSWORD": Secret("changed in Vault")}, expected_version=1)

    assert texts(push.apply(specs, vault, cluster, make)) == [
        f"change secret {namespace}/api key PASSWORD: another value -> the value in Vault",
        f"change sealedsecret {namespace}/api: koprogo/{namespace}=1 -> koprogo/{namespace}=2",
    ]

    assert cluster.secret(namespace, "api") == {"PASSWORD": Secret("changed in Vault")}


@pytest.mark.usefixtures("controller")
def test_second_key(vault: Vault, cluster: Cluster, make: Make, namespace: str) -> None:
    """A second secret is added beside the first, and beside what others keep at the same path."""
    vault.write(f"koprogo/{namespace}", {"FOREIGN": Secret("kept")}, expected_version=0)
    push.apply([spec(namespace)], vault, cluster, make)
    first = cluster.secret(namespace, "api")
    both = [spec(namespace), spec(namespace, "JWT"), spec(namespace, "SESSION", name="web")]

    push.apply(both, vault, cluster, make)

    stored, live = vault.read(f"koprogo/{namespace}"), cluster.secret(namespace, "api")
    assert stored is not None
    assert stored.version == 4
    assert stored.values.keys() == {"FOREIGN", "PASSWORD", "JWT", "SESSION"}
    assert first is not None
    assert live == {**first, "JWT": stored.values["JWT"]}
    assert push.plan(both, vault, cluster) == ()


@pytest.mark.usefixtures("controller")
def test_deleted_in_vault(vault: Vault, cluster: Cluster, make: Make, namespace: str) -> None:
    """A secret that lost its key in Vault is made anew, over the version that is there."""
    push.apply([spec(namespace)], vault, cluster, make)
    vault.write(f"koprogo/{namespace}", {}, expected_version=1)

    push.apply([spec(namespace)], vault, cluster, make)

    stored = vault.read(f"koprogo/{namespace}")
    assert stored is not None
    assert stored == Stored(stored.values, 3)
    assert cluster.secret(namespace, "api") == stored.values


@pytest.mark.usefixtures("controller")
def test_secret_of_somebody_else(vault: Vault, cluster: Cluster, make: Make, namespace: str) -> None:
    """A Secret that the controller does not own is left alone, and the error says what the controller said."""
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"namespace": namespace, "name": "api"},
            "data": {"theirs": "eA=="},
        }
    )

    with pytest.raises(WaitTimeout, match="already exists and is not managed by SealedSecret") as caught:
        push.apply([spec(namespace)], vault, cluster, make, seconds=3)

    assert "describe sealedsecret api" in (caught.value.next_step or "")
    assert cluster.secret(namespace, "api") == {"theirs": Secret("x")}


@pytest.mark.usefixtures("controller")
def test_values_never_show(vault: Vault, cluster: Cluster, make: Make, namespace: str) -> None:
    """Neither a difference nor an event carries a value."""
    events: list[Any] = []
    differences = push.apply([spec(namespace)], vault, cluster, make, listener=events.append)

    stored = vault.read(f"koprogo/{namespace}")
    assert stored is not None
    assert events
    assert stored.values["PASSWORD"].reveal() not in f"{events} {differences}"
