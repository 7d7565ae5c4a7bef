"""How long ago the inventory was observed."""

from __future__ import annotations

from pathlib import Path

import pytest

from koprogo_fleet.cli.wording import ago
from koprogo_fleet.inventory.age import FILE_NAME, age, remember


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep state for this test alone."""
    monkeypatch.setenv("KOPROGO_STATE_DIR", str(tmp_path))
    return tmp_path / "koprogo"


def test_each_folder_has_its_own_age() -> None:
    """What was observed for one environment says nothing of another."""
    remember("koprogo", Path("inventory/production"))

    known, unknown = age("koprogo", Path("inventory/production")), age("koprogo", Path("inventory/staging"))

    assert known is not None
    assert 0 <= known < 60
    assert unknown is None


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_spoiled_record_is_no_age(state: Path, text: str) -> None:
    """A spoiled file costs the age, not the command; the next sync writes it anew."""
    state.mkdir()
    (state / FILE_NAME).write_text(text)

    assert age("koprogo", Path("inventory/production")) is None
    remember("koprogo", Path("inventory/production"))
    assert age("koprogo", Path("inventory/production")) is not None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "nobody knows when"), (59, "just now"), (60, "1 minute ago"), (7300, "2 hours ago"), (86400, "1 day ago")],
)
def test_ages_in_words(seconds: float | None, text: str) -> None:
    """An age is told in the largest unit that it fills."""
    assert text == ago(seconds)
