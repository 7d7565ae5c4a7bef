"""What a rotation was about to replace, kept in the fleet's private directory until it is done: names and dates, no secrets."""

from __future__ import annotations

import json
from pathlib import Path

from koprogo_fleet.core.files import write_atomically


class RotationRecord:
    """
    The record of one kind of rotation.

    A run that finds one goes on with that rotation instead of beginning another. Without it (another machine, a lost
    disk) what is already new is made new once more, which costs restarts and harms nothing.
    """

    def __init__(self, state: Path, kind: str) -> None:
        self._file = state / f"rotation-{kind}.json"

    def read(self) -> dict[str, str] | None:
        """Return what was to be replaced; None where no rotation is under way, or the record cannot be read."""
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return {str(key): str(value) for key, value in found.items()} if isinstance(found, dict) else None

    def write(self, replaced: dict[str, str]) -> None:
        """Keep it, before anything is changed."""
        write_atomically(self._file, json.dumps(replaced, sort_keys=True), mode=0o600)

    def forget(self) -> None:
        """The rotation is done."""
        self._file.unlink(missing_ok=True)
