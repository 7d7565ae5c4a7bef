"""The emulator for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from emulated_cloud import Cloud


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """Run an emulator of its own for each test."""
    cloud = Cloud(tmp_path)
    yield cloud
    cloud.stop()
