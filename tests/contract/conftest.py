"""What several adapters' tests need: a real Kubernetes API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes_api import start_api_server, why_not


@pytest.fixture(scope="session")
def kubernetes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield the kubeconfig of a real API server, or skip where none can be had; tests share it: use own namespaces."""
    if reason := why_not():
        pytest.skip(reason)
    with start_api_server(tmp_path_factory.mktemp("kubernetes")) as kubeconfig:
        yield kubeconfig
