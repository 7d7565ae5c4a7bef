"""One at a time."""

from __future__ import annotations

import threading
from pathlib import Path

from koprogo_fleet.core.events import Event, Note
from koprogo_fleet.lab.locks import exclusive


def test_the_second_waits_and_says_so(tmp_path: Path) -> None:
    """Whoever finds the lock taken tells its listener, and goes on once it is free, even when the file was removed."""
    path = tmp_path / "lock"
    told = threading.Event()
    entered = threading.Event()
    notes: list[Event] = []

    def listener(event: Event) -> None:
        notes.append(event)
        told.set()

    def second() -> None:
        with exclusive(path, "the second", listener):
            entered.set()

    thread = threading.Thread(target=second)
    with exclusive(path, "the first"):
        thread.start()
        assert told.wait(5)
        assert not entered.is_set()
        path.unlink()
    thread.join(5)

    assert entered.is_set()
    assert notes == [Note("the second: another process is at it; waiting for it to end")]
    assert path.exists()
