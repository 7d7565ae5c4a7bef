"""A fleet on a lab of the tests' own, provisioned once for all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab_fleet import Fleet, make_fleet


@pytest.fixture(scope="package")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Return a fleet that was provisioned from nothing; at the end its lab is taken down."""
    fleet = make_fleet("t-fleet", tmp_path_factory.mktemp("fleet"))
    try:
        done = fleet.run("provision", "--yes", timeout=1500)
        assert done.returncode == 0, done.stdout + done.stderr

        yield fleet
    finally:
        fleet.run("lab", "down")
