"""Names and places of a lab."""

from __future__ import annotations

from pathlib import Path

import pytest

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.lab.paths import LabPaths


def test_everything_is_below_the_labs_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All files of a lab are in its own directory, except the lock that guards that directory's removal."""
    monkeypatch.setenv("KOPROGO_LAB_DIR", str(tmp_path))
    paths = LabPaths("blue")

    assert paths.root == tmp_path / "blue"
    assert paths.machine("some-id").record.is_relative_to(paths.root)
    assert paths.machine("some-id").lock.parent == paths.machines
    assert paths.lock.parent == tmp_path


@pytest.mark.parametrize("name", ["", "-a", "a-", "1a", "A", "a/b", "..", "a_b", "a" * 21])
def test_a_bad_name_is_refused(name: str) -> None:
    """A name that would not fit into interface, table and file names is refused, with the rule."""
    with pytest.raises(InputError) as caught:
        LabPaths(name)

    assert "lower-case letters" in str(caught.value.cause)


@pytest.mark.parametrize("name", ["a", "default", "t-machines", "a" * 20])
def test_a_good_name_is_taken(name: str) -> None:
    """Letters, digits and inner hyphens make a name."""
    assert LabPaths(name).root.name == name
