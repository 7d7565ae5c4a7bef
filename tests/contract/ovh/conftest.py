"""The emulator for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from commands_at_emulator import Office
from emulated_cloud import Cloud
from forked_commands import Forks


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """Run an emulator of its own for each test."""
    cloud = Cloud(tmp_path)
    yield cloud
    cloud.stop()


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Where the commands of all tests come from."""
    forks = Forks()
    yield forks
    forks.end()


@pytest.fixture
def office(cloud: Cloud, tmp_path: Path, forks: Forks) -> Office:
    """A folder from which commands are run, with the emulator as their OVH."""
    return Office(cloud, tmp_path / "office", forks)
