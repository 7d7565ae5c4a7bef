"""The emulator for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from commands_at_emulator import Office
from emulated_cloud import Cloud


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """Run an emulator of its own for each test."""
    cloud = Cloud(tmp_path)
    yield cloud
    cloud.stop()


@pytest.fixture
def office(cloud: Cloud, tmp_path: Path) -> Office:
    """A folder from which commands are run, with the emulator as their OVH."""
    return Office(cloud, tmp_path / "office")
