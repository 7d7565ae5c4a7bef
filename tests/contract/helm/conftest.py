"""The real helm and kubectl, and the chart of this repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from koprogo_fleet.helm.binary import Tools, find_tools
from koprogo_fleet.helm.release import Release

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
