"""
When the inventory files were last found to be what OVH shows.

The files themselves do not say: they are kept in Git, and a sync that changes nothing leaves them alone.
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.paths import state_dir

FILE_NAME = "observed.json"


def remember(fleet_name: str, directory: Path) -> None:
    """Note that the files in *directory* are what OVH shows now."""
    known = {**_read(fleet_name), str(directory.absolute()): time.time()}
    write_atomically(state_dir(fleet_name) / FILE_NAME, json.dumps(known) + "\n", mode=0o600)


def age(fleet_name: str, directory: Path) -> float | None:
    """Return the seconds since OVH was last asked, from this machine; None where that is not known."""
    seen = _read(fleet_name).get(str(directory.absolute()))
    return None if seen is None else max(0.0, time.time() - seen)


def _read(fleet_name: str) -> dict[str, float]:
    try:
        known = json.loads((state_dir(fleet_name) / FILE_NAME).read_text())
    except (OSError, ValueError):  # never written, or spoiled: then the age is not known
        return {}
    return {str(place): float(seen) for place, seen in known.items()} if isinstance(known, dict) else {}
