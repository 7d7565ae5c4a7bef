"""
The record of one rotation, kept in Vault: its write-ahead journal, and the lock between controllers.

While the rotation is open the record has the values before and after it, and how far it is. It is written with
check-and-set at each boundary. When the rotation is over, what stays tells how it ended, without any value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from koprogo_fleet.core.errors import VaultError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.rotation.holder import Holder
from koprogo_fleet.secrets.rotation.stages import Direction, Stage
from koprogo_fleet.secrets.spec import Values
from koprogo_fleet.vault import Stored

FOLDER = "rotations"
_RECORD, _CLOSED, _FORMER, _NEW = "record", "closed", "former.", "new."


class Store(Protocol):
    """What is needed of Vault."""

    def read(self, path: str, version: int | None = None) -> Stored | None:
        """Return a version of the secret at *path*, or None."""
        ...

    def write(self, path: str, values: Mapping[str, Secret], expected_version: int) -> int:
        """Write a new version, if the newest one is *expected_version*; return its number."""
        ...


@dataclass(frozen=True)
class Record:
    """
    An open rotation.

    Attributes:
        id: of the change, as the backend sees it.
        stage: what is done.
        direction: to the new value, or back to the former one.
        began: when.
        former: the values before it; none at the first.
        former_version: of the path in Vault, before it.
        former_kept: when the former values came there; None where nobody knows.
        new: the values after it; none until they are made.
        notes: what the kind wrote down before anything was made.
        version: of the path in Vault, with what this rotation wrote there last; 0 before it wrote.
        kept: when the new values came to their path.
        overlap_ends: until when the former value stays valid; None where it does not have to.
        reason: why it goes back.
        holder: who works on it; None while nobody does.
    """

    id: str
    stage: Stage
    direction: Direction
    began: datetime
    former: Values
    former_version: int
    new: Values
    notes: Mapping[str, str] = field(default_factory=dict)
    version: int = 0
    kept: datetime | None = None
    former_kept: datetime | None = None
    overlap_ends: datetime | None = None
    reason: str = ""
    holder: Holder | None = None

    @property
    def first(self) -> bool:
        """Nothing was there before it."""
        return not self.former

    def turned(self, reason: str) -> Record:
        """Return the record of the same rotation on its way back."""
        return replace(self, direction=Direction.BACK, reason=reason)


@dataclass(frozen=True)
class Closed:
    """
    How the last rotation of a secret ended.

    Attributes:
        id: of the change.
        committed: it reached its end; otherwise it went back.
        ended: when.
        version: of the path in Vault, with the values in force.
        kept: when those were there first; None where nobody knows.
        former_version: of the path in Vault, with the values before it.
        revoked: the former values are not valid any more.
        reason: why it went back.
    """

    id: str
    committed: bool
    ended: datetime
    version: int
    kept: datetime | None
    former_version: int
    revoked: bool
    reason: str = ""


@dataclass(frozen=True)
class Found:
    """What Vault has of a secret's rotations; *version* is the one to write over."""

    record: Record | None
    closed: Closed | None
    version: int


class Records:
    """
    The records of a fleet's rotations.

    Args:
        vault: where they are kept.
        folder: the fleet's in it.
    """

    def __init__(self, vault: Store, folder: str) -> None:
        self._vault = vault
        self._folder = folder

    def path(self, name: str) -> str:
        """Return where the record of the secret *name* is."""
        return f"{self._folder}/{FOLDER}/{name}"

    def read(self, name: str) -> Found:
        """
        Return what is known of the rotations of the secret *name*.

        Raises:
            VaultError: Vault does not answer, or what is there is no record.
        """
        stored = self._vault.read(self.path(name))
        if stored is None:
            return Found(None, None, 0)
        try:
            record = _record(stored.values) if _RECORD in stored.values else None
            closed = _closed(stored.values[_CLOSED]) if _CLOSED in stored.values else None
        except (LookupError, ValueError, TypeError):
            # Not chained: its text may quote the record.
            raise VaultError(
                f"what is at {self.path(name)} in Vault is not the record of a rotation",
                cause="it was written by hand, or by another release of koprogo-fleet",
                next_step="look at its older versions (vault kv metadata get), and put the last good one back",
            ) from None
        return Found(record, closed, stored.version)

    def write(self, name: str, record: Record, version: int) -> int:
        """
        Keep an open rotation, if nobody wrote since *version*; return the new version.

        Raises:
            VaultConflict: another run did.
        """
        written = asdict(replace(record, former={}, new={}))
        for values in ("former", "new"):
            del written[values]
        content = {_RECORD: Secret(json.dumps(written, default=_text))}
        content |= {_FORMER + key: value for key, value in record.former.items()}
        content |= {_NEW + key: value for key, value in record.new.items()}
        return self._vault.write(self.path(name), content, expected_version=version)

    def close(self, name: str, closed: Closed, version: int) -> int:
        """Keep how a rotation ended, and none of its values; as :meth:`write`."""
        content = {_CLOSED: Secret(json.dumps(asdict(closed), default=_text))}
        return self._vault.write(self.path(name), content, expected_version=version)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a record holds no {type(value).__name__}")


def _record(stored: Mapping[str, Secret]) -> Record:
    written: dict[str, Any] = json.loads(stored[_RECORD].reveal())
    holder = written["holder"]
    return Record(
        **written
        | {
            "stage": Stage(written["stage"]),
            "direction": Direction(written["direction"]),
            "former": _values(stored, _FORMER),
            "new": _values(stored, _NEW),
            "holder": Holder(**holder | _times(holder, "since", "until")) if holder else None,
        }
        | _times(written, "began", "kept", "former_kept", "overlap_ends")
    )


def _closed(stored: Secret) -> Closed:
    written = json.loads(stored.reveal())
    return Closed(**written | _times(written, "ended", "kept"))


def _values(stored: Mapping[str, Secret], prefix: str) -> dict[str, Secret]:
    return {key.removeprefix(prefix): value for key, value in stored.items() if key.startswith(prefix)}


def _times(written: Mapping[str, Any], *names: str) -> dict[str, datetime | None]:
    return {name: datetime.fromisoformat(written[name]) if written[name] else None for name in names}
