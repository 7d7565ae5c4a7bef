"""The unseal key and the tokens of the lab's OpenBao, in a file that only root can read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.secret import Secret


@dataclass(frozen=True)
class Keys:
    """What initialising gave, and the fleet's own token once there is one."""

    unseal_key: Secret
    root_token: Secret
    fleet_token: Secret | None = None


class KeyFile:
    """
    The file that makes an initialisation count.

    Storage without it can be opened by nobody, and nobody can have written to it: it is safe to throw away.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Keys | None:
        """Return what was saved, or None."""
        try:
            saved = json.loads(self._path.read_text())
        except FileNotFoundError:
            return None
        fleet_token = saved.get("fleet_token")
        return Keys(
            Secret(saved["unseal_key"]),
            Secret(saved["root_token"]),
            None if fleet_token is None else Secret(fleet_token),
        )

    def write(self, keys: Keys) -> None:
        """Save *keys*, 0600, all or nothing."""
        content = {
            "unseal_key": keys.unseal_key.reveal(),
            "root_token": keys.root_token.reveal(),
            "fleet_token": None if keys.fleet_token is None else keys.fleet_token.reveal(),
        }
        write_atomically(self._path, json.dumps(content), mode=0o600)
