"""Reading and writing secrets, with check-and-set, in a key-value engine of version 2."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import hvac  # type: ignore[import-untyped]

from koprogo_fleet.core.errors import VaultConflict, VaultError, VaultUnavailable
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.vault.metadata import Metadata, read_metadata
from koprogo_fleet.vault.session import Need, VaultSession


@dataclass(frozen=True)
class Stored:
    """One *version* of a secret. A deleted one has no *values*, but its version counts for check-and-set."""

    values: Mapping[str, Secret]
    version: int
    created: datetime | None = field(default=None, compare=False)


class Vault:
    """
    The key-value engine, version 2, of a Vault or OpenBao server.

    Args:
        session: a login, shared with whatever else the run asks of Vault; whoever made it closes it.
        mount: where the engine is mounted.
    """

    def __init__(self, session: VaultSession, mount: str = "secret") -> None:
        self._session, self.mount = session, mount

    @property
    def session(self) -> VaultSession:
        """The login, for the clients of other engines."""
        return self._session

    def read(self, path: str, version: int | None = None) -> Stored | None:
        """
        Return the newest *version* of the secret at *path* (below the mount), or the one asked for; None if there is none.

        Raises:
            VaultRefused: the token does not allow it.
            VaultSealed: Vault has to be unsealed first.
            VaultUnavailable: no answer within the session's patience.
            VaultError: any other answer, or a value that is not text.
        """
        what = f"read {self.mount}/{path}"
        return self._session.ask(
            what, lambda client: self._read(_kv(client), path, version, what), self._need("data", path, "read")
        )

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

        need = self._need("data", path, "update" if expected_version else "create")

        def once(client: Any) -> int:
            answer = _kv(client).create_or_update_secret(
                path=path, secret=content, cas=expected_version, mount_point=self.mount
            )
            return int(_data(answer, what)["version"])

        interrupted = False
        for attempt in self._session.retrying():
            with attempt:
                try:
                    return self._session.once(what, once, need)
                except VaultUnavailable:
                    interrupted = True
                    raise
                except VaultConflict:
                    # The attempt that got no answer may have been the one that wrote.
                    if interrupted and self.read(path) == Stored(dict(values), expected_version + 1):
                        return expected_version + 1
                    raise
        raise AssertionError("tenacity ends by a return or an exception")

    def list(self, path: str = "") -> tuple[str, ...]:
        """
        Return the names below *path*, those of folders with a ``/`` at the end; empty where there is nothing.

        Raises:
            VaultError: as :meth:`read` does.
        """
        what = f"list {self.mount}/{path}"

        def once(client: Any) -> tuple[str, ...]:
            try:
                answer = _kv(client).list_secrets(path=path, mount_point=self.mount)
            except hvac.exceptions.InvalidPath as error:
                if error.errors:
                    raise
                return ()
            return tuple(_data(answer, what)["keys"])

        return self._session.ask(what, once, self._need("metadata", path, "list"))

    def metadata(self, path: str) -> Metadata | None:
        """
        Return what is known of the secret at *path* and of each of its versions, without a value; None if there is none.

        Raises:
            VaultError: as :meth:`read` does.
        """
        what = f"read the metadata of {self.mount}/{path}"

        def once(client: Any) -> Metadata | None:
            try:
                answer = _kv(client).read_secret_metadata(path=path, mount_point=self.mount)
            except hvac.exceptions.InvalidPath as error:
                if error.errors:
                    raise
                return None
            return read_metadata(_data(answer, what))

        return self._session.ask(what, once, self._need("metadata", path, "read"))

    def put_custom_metadata(self, path: str, values: Mapping[str, str]) -> None:
        """
        Write *values* beside the secret at *path*, in place of those that are there; its limits and versions stay.

        They are not secret: whoever may list sees them.

        Raises:
            VaultError: as :meth:`read` does.
        """
        # hvac's own update_metadata also sends delete_version_after, and so takes it back.
        api_path, body = f"{self.mount}/metadata/{quote(path)}", {"custom_metadata": dict(values)}
        self._session.ask(
            f"write the metadata of {self.mount}/{path}",
            lambda client: client.write_data(api_path, data=body),
            self._need("metadata", path, "update"),
        )

    def destroy_versions(self, path: str, versions: Collection[int]) -> None:
        """
        Make the values of *versions* unreadable for ever; those that are not there, or not any more, are fine.

        Raises:
            VaultError: as :meth:`read` does.
        """
        if not versions:
            return
        numbers = sorted(versions)
        self._session.ask(
            f"destroy the versions {', '.join(map(str, numbers))} of {self.mount}/{path}",
            lambda client: _kv(client).destroy_secret_versions(path=path, versions=numbers, mount_point=self.mount),
            self._need("destroy", path, "update"),
        )

    def delete_metadata(self, path: str) -> None:
        """
        Remove the secret at *path* with all its versions and its history; what is not there is fine.

        Raises:
            VaultError: as :meth:`read` does.
        """
        self._session.ask(
            f"remove {self.mount}/{path}",
            lambda client: _kv(client).delete_metadata_and_all_versions(path=path, mount_point=self.mount),
            self._need("metadata", path, "delete"),
        )

    def _need(self, kind: str, path: str, capability: str) -> Need:
        return Need(f"{self.mount}/{kind}/{path}", capability)

    def _read(self, kv: Any, path: str, version: int | None, what: str) -> Stored | None:
        try:
            answer = kv.read_secret_version(
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


def _kv(client: Any) -> Any:
    return client.secrets.kv.v2


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
