"""The example fleet for whoever starts with nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from koprogo_fleet.cli.scaffold import ensure_inventory
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.events import Event, ignore
from koprogo_fleet.workflows.provision import read_input


def test_an_empty_folder_gets_the_example(tmp_path: Path) -> None:
    """Files and chart are written where they belong, can be read, and the listener is told."""
    told: list[Event] = []

    directory = ensure_inventory(tmp_path / "inventory", "lab", told.append)

    assert tmp_path / "inventory" / "lab" == directory
    assert 6 == len(read_input(directory).nodes)
    assert (tmp_path / "charts" / "koprogo-api" / "Chart.yaml").is_file()
    assert {"fleet.yaml", "secrets.yaml", "releases.yaml", "slo.yaml"} == {path.name for path in directory.iterdir()}
    assert 1 == len(told)


def test_an_existing_fleet_is_left_alone(tmp_path: Path) -> None:
    """Where a fleet is described nothing is written."""
    directory = tmp_path / "lab"
    directory.mkdir()
    (directory / "fleet.yaml").write_text("name: mine\n")

    assert directory == ensure_inventory(tmp_path, "lab", ignore)
    assert [directory / "fleet.yaml"] == list(directory.iterdir())


@pytest.mark.parametrize("environment", ["production", "lab"])
def test_a_fleet_that_is_missing_is_not_invented(environment: str, tmp_path: Path) -> None:
    """Production, or a folder that has other things in it, gets no example."""
    (tmp_path / "lab").mkdir()

    with pytest.raises(InputError, match=f"there is no .*{environment}/fleet.yaml"):
        ensure_inventory(tmp_path, environment, ignore)
