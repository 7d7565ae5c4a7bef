"""The real helm and kubectl, and the chart of this repository."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from release_stack import Stack

from koprogo_fleet.core.events import Event
from koprogo_fleet.helm.binary import Tools, find_tools
from koprogo_fleet.helm.client import Helm
from koprogo_fleet.helm.engine import Engine
from koprogo_fleet.helm.release import Release
from koprogo_fleet.kube.client import Cluster

CHARTS = Path(__file__).parents[3] / "charts"


@pytest.fixture(scope="session")
def tools() -> Tools:
    """Return helm and kubectl; they are fetched if this machine has none."""
    return find_tools()


@pytest.fixture
def chart() -> Path:
    """Return the chart of the KoproGo API."""
    return CHARTS / "koprogo-api"


@pytest.fixture
def release(request: pytest.FixtureRequest) -> Release:
    """Return a release as the lab's, in a namespace of the test's own; no pod will ever run, so it waits only 10 s."""
    namespace = request.function.__name__.removeprefix("test_").replace("_", "-")
    return Release(
        name="koprogo-api",
        namespace=namespace,
        chart="koprogo-api",
        values={"image": {"tag": "lab"}, "ingress": {"enabled": False}},
        timeout=10,
    )


@pytest.fixture
def events() -> list[Event]:
    """Return what is told."""
    return []


@pytest.fixture
def stack(
    request: pytest.FixtureRequest, tools: Tools, kubernetes: Path, tmp_path: Path, events: list[Event]
) -> Iterator[Stack]:
    """Return a stack that is not deployed, and is gone after the test."""
    namespace = request.function.__name__.removeprefix("test_").replace("_", "-")[:40]
    with Cluster.from_file(kubernetes) as cluster:
        engine = Engine(Helm(tools, kubernetes), cluster, tmp_path / "releases.yaml", events.append)
        stack = Stack(tmp_path, namespace, engine, tools, kubernetes)
        yield stack
        for name in {record.partition(".v1.")[2].rpartition(".")[0] for record in stack.revisions()}:
            engine.helm.uninstall(Release(name=name, namespace=namespace, chart="-", timeout=10))
