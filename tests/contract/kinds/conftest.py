"""The emulator of OVH for the kind whose backend OVH is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "ovh"))
from emulated_cloud import Cloud


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """Run an emulator of its own for each test."""
    cloud = Cloud(tmp_path)
    yield cloud
    cloud.stop()
