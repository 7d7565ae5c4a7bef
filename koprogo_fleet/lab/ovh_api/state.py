"""All that the emulator knows, in one JSON file: what is not in the file did not happen."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.secret import Secret

Record = dict[str, Any]

_COLLECTIONS = (
    "ssh_keys",
    "networks",
    "subnets",
    "groups",
    "instances",
    "volumes",
    "jobs",
    "gateways",
    "floating_ips",
    "load_balancers",
    "listeners",
    "pools",
    "members",
    "health_monitors",
    "vracks",
    "dedicated_servers",
    "ip_load_balancers",
    "dns_records",
    "dns_published",
    "containers",
    "users",
    "s3_credentials",
    "consumer_keys",
)
FIRST_VRACK = "pn-000001"
"""The vRack that the lab begins with; its project is in it."""


@dataclass(frozen=True)
class Keys:
    """The credentials that the emulator accepts: made once, and kept."""

    application_key: str
    application_secret: Secret
    consumer_key: Secret
    client_id: str
    client_secret: Secret
    project_id: str

    @property
    def bearer_token(self) -> Secret:
        """The OAuth2 access token; derived, so that it outlives a restart."""
        return Secret(hashlib.sha256(f"bearer {self.client_secret.reveal()}".encode()).hexdigest())


class State:
    """
    The emulator's memory. Safe between threads.

    Args:
        path: the file; made on first use, 0600 because user data holds host keys.

    Raises:
        InputError: the file is not ours.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.RLock()
        self._watchers: list[Callable[[], None]] = []
        try:
            self._saved = path.read_text(encoding="utf-8")
            self._data: Record = _completed(json.loads(self._saved))
        except FileNotFoundError:
            self._data = _new()
            self._save()
        except json.JSONDecodeError as error:
            raise InputError(
                f"{path} is not JSON (line {error.lineno})", next_step="koprogo-fleet lab down, then lab up"
            ) from error

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @property
    def keys(self) -> Keys:
        """The credentials that are accepted."""
        stored = self._data["keys"]
        return Keys(
            application_key=stored["application_key"],
            application_secret=Secret(stored["application_secret"]),
            consumer_key=Secret(stored["consumer_key"]),
            client_id=stored["client_id"],
            client_secret=Secret(stored["client_secret"]),
            project_id=stored["project_id"],
        )

    @contextmanager
    def look(self) -> Iterator[Record]:
        """Hold the state still while it is read."""
        with self._lock:
            yield self._data

    @contextmanager
    def change(self) -> Iterator[Record]:
        """Hold the state while it is changed; saved at the end, or put back when the block raises."""
        with self._lock:
            try:
                yield self._data
            except BaseException:
                self._data = {**{name: {} for name in _COLLECTIONS}, **json.loads(self._saved)}
                raise
            self._save()
        for tell in self._watchers:
            tell()

    def watch(self, tell: Callable[[], None]) -> None:
        """Have *tell* called after every change; it must return at once."""
        self._watchers.append(tell)

    def _save(self) -> None:
        self._saved = json.dumps(self._data, indent=1)
        write_atomically(self._path, self._saved, mode=0o600)


def _new() -> Record:
    keys = {
        "application_key": secrets.token_hex(8),
        "application_secret": secrets.token_hex(16),
        "consumer_key": secrets.token_hex(16),
        "client_id": f"EU.{secrets.token_hex(8)}",
        "client_secret": secrets.token_hex(16),
        "project_id": secrets.token_hex(16),
    }
    return _completed({"keys": keys, "port": None, "faults": []})


def _completed(data: Record) -> Record:
    """Add what a state has from the start; one that was saved before the emulator knew more of OVH lacks some."""
    if "vracks" not in data:
        data["vracks"] = {FIRST_VRACK: new_vrack(FIRST_VRACK, "lab", projects=[data["keys"]["project_id"]])}
    return {"numbers": 1000, **{name: {} for name in _COLLECTIONS}, **data}


def new_vrack(vrack_id: str, name: str, projects: Sequence[str] = ()) -> Record:
    """Return the record of a vRack with these Public Cloud projects in it."""
    members: dict[str, list[str]] = {
        "cloudProject": list(projects),
        "dedicatedServer": [],
        "dedicatedServerInterface": [],
        "ipLoadbalancing": [],
    }
    return {"id": vrack_id, "name": name, "description": "", "members": members}


def next_number(data: Record) -> int:
    """Return a number that no object of the state has had; what OVH numbers has one instead of a UUID."""
    data["numbers"] += 1
    return int(data["numbers"])
