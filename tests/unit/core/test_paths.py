"""Where things are kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from koprogo_fleet.core.errors import MissingRequirement
from koprogo_fleet.core.paths import cache_dir, state_dir


def test_state_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The state directory of a fleet is for its owner alone, also if it was made otherwise before."""
    monkeypatch.setenv("KOPROGO_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "state" / "koprogo").mkdir(parents=True, mode=0o755)

    assert tmp_path / "state" / "koprogo" == state_dir("koprogo")
    assert state_dir("koprogo").stat().st_mode & 0o777 == 0o700
    assert state_dir("other").stat().st_mode & 0o777 == 0o700


def test_without_variables_the_home_directory_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The defaults are below the home directory, as the XDG base directories are."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KOPROGO_STATE_DIR", raising=False)
    monkeypatch.delenv("KOPROGO_CACHE_DIR", raising=False)

    assert tmp_path / ".cache" / "koprogo-fleet" == cache_dir()
    assert tmp_path / ".local" / "state" / "koprogo-fleet" / "koprogo" == state_dir("koprogo")
    assert cache_dir().is_dir()


def test_a_directory_that_cannot_be_made_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable that chooses another place."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KOPROGO_CACHE_DIR", str(tmp_path / "file" / "cache"))

    with pytest.raises(MissingRequirement) as caught:
        cache_dir()

    assert "KOPROGO_CACHE_DIR" in str(caught.value.next_step)
