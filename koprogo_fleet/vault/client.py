"""Reading and writing secrets, with check-and-set, in a key-value engine of version 2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any

import hvac  # type: ignore[import-untyped]

from koprogo_fleet.core.errors import VaultConflict, VaultError, VaultUnavailable
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.vault.connection import VaultConnection


@dataclass(frozen=True)
class Stored:
    """One *version* of a secret. A deleted one has no *values*, but its version counts for check-and-set."""

    values: Mapping[str, Secret]
    version: int
    created: datetime | None = field(default=None, compare=False)


class Vault(VaultConnection):
    """
    The key-value engine, version 2, of a Vault or OpenBao server.

    Args:
        address, token, ca, mount, patience: as of :class:`~koprogo_fleet.vault.connection.VaultConnection`.
    """

    def __init__(
        self, address: str, token: Secret, ca: Path | None = None, mount: str = "secret", *, patience: float = 20.0
    ) -> None:
        super().__init__(address, token, ca, mount, patience=patience)
        self._kv = self._client.secrets.kv.v2

    def read(self, path: str, version: int | None = None) -> Stored | None:
        """
        Return the newest *version* of the secret at *path* (below the mount), or the one asked for; None if there is none.

        Raises:
            VaultRefused: the token does not allow it.
            VaultSealed: Vault has to be unsealed first.
            VaultUnavailable: no answer within the client's patience.
            VaultError: any other answer, or a value that is not text.
        """
        what = f"read {self.mount}/{path}"
        stored: Stored | None = self._retrying(self._call, what, lambda: self._read(path, version, what))
        return stored

    def write(self, path: str, values: Mapping[str, Secret], expected_version: int) -> int:
        """
        Write *values* as the whole new version of the secret at *path*, and return its number.

        Args:
            path: below the mount.
            values: all keys of the secret; those of the former version that are not here are gone.
            expected_version: what :meth:`read` gave; 0 if there was nothing.

        Raises:
            VaultConflict: the newest version is not *expected_version* any more.
            VaultError: as :meth:`read` does.
        """
        what = f"write {self.mount}/{path}"
        content = {key: value.reveal() for key, value in values.items()}

        def once() -> int:
            answer = self._kv.create_or_update_secret(
                path=path, secret=content, cas=expected_version, mount_point=self.mount
            )
            return int(_data(answer, what)["version"])

        interrupted = False
        for attempt in self._retrying.copy():
            with attempt:
                try:
                    return self._call(what, once)
                except VaultUnavailable:
                    interrupted = True
                    raise
                except VaultConflict:
                    # The attempt that got no answer may have been the one that wrote.
                    if interrupted and self.read(path) == Stored(dict(values), expected_version + 1):
                        return expected_version + 1
                    raise
        raise AssertionError("tenacity ends by a return or an exception")

    def _read(self, path: str, version: int | None, what: str) -> Stored | None:
        try:
            answer = self._kv.read_secret_version(
                path=path, version=version, mount_point=self.mount, raise_on_deleted_version=True
            )
        except hvac.exceptions.InvalidPath as error:
            if error.errors:
                raise
            return _deleted(error.json)
        data = _data(answer, what)
        for key, value in data["data"].items():
            if not isinstance(value, str):
                raise VaultError(
                    f"{what}: {key} is not text, but {type(value).__name__}",
                    cause="it was written as JSON, not as key=value",
                    next_step=f"vault kv patch {self.mount}/{path} {key}=…",
                )
        values = {key: Secret(value) for key, value in data["data"].items()}
        return Stored(
            values, int(data["metadata"]["version"]), datetime.fromisoformat(data["metadata"]["created_time"])
        )


def _deleted(body: Any) -> Stored | None:
    """Read a 404: nothing was ever there, or its newest version was deleted or destroyed."""
    data = body.get("data") if isinstance(body, dict) else None
    return None if data is None else Stored({}, int(data["metadata"]["version"]))


def _data(answer: Any, what: str) -> Any:
    """Return the ``data`` of an answer; hvac hands over a bare Response where there is no JSON or no status 200."""
    if isinstance(answer, dict) and "data" in answer:
        return answer["data"]
    status = getattr(answer, "status_code", HTTPStatus.OK)
    raise VaultError(
        f"{what}: the answer ({status}) is not one of Vault",
        cause="another server listens there",
        next_step="vault status",
    )
