"""Reads what Vault has of a setup, and writes what it lacks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import hvac  # type: ignore[import-untyped]

from koprogo_fleet.core.errors import VaultError
from koprogo_fleet.core.events import Listener, Note, ignore
from koprogo_fleet.vault.session import Need, VaultSession
from koprogo_fleet.vault.setup.objects import Authority, Document, Mount, Wanted
from koprogo_fleet.vault.setup.plan import Found, Step


def observe(session: VaultSession, wanted: Sequence[Wanted]) -> Found:
    """
    Return what Vault has of *wanted*.

    Raises:
        VaultRefused: the token may not look; the error says at what.
        VaultError: as :meth:`~koprogo_fleet.vault.session.VaultSession.ask`.
    """
    tables = {
        table: _read(session, f"sys/{table}") or {}
        for table in {one.table: None for one in wanted if isinstance(one, Mount)}
    }
    return {one.what: _found(session, one, tables) for one in wanted}


def apply(session: VaultSession, steps: Iterable[Step], listener: Listener = ignore) -> None:
    """
    Take *steps*, in order. One that was killed is planned anew: what is there already is then no step any more.

    Raises:
        VaultRefused: the token may not; the error says what.
        VaultError: as :meth:`~koprogo_fleet.vault.session.VaultSession.ask`.
    """
    for step in steps:
        _apply(session, step)
        listener(Note(str(step.difference)))


def _found(session: VaultSession, wanted: Wanted, tables: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    match wanted:
        case Mount():
            found: Mapping[str, Any] | None = tables[wanted.table].get(f"{wanted.path}/")
            return found
        case Document():
            return _read(session, wanted.path)
        case Authority():
            return _read(session, wanted.look)


def _apply(session: VaultSession, step: Step) -> None:
    match step.wanted:
        case Mount() as mount:
            _mount(session, mount, step)
        case Document(path=path, fields=fields):
            _write(session, path, fields)
        case Authority(parent=None, path=path, fields=fields):
            _write(session, path, fields)
        case Authority() as authority:
            _signed_by_parent(session, authority)


def _mount(session: VaultSession, mount: Mount, step: Step) -> None:
    config = {"config": {"max_lease_ttl": f"{mount.longest}s"}} if mount.longest else {}
    if step.difference.old:
        _write(session, f"sys/{mount.table}/{mount.path}/tune", config["config"])
    else:
        options = {"options": dict(mount.options)} if mount.options else {}
        _write(session, f"sys/{mount.table}/{mount.path}", {"type": mount.type, **options, **config})


def _signed_by_parent(session: VaultSession, authority: Authority) -> None:
    """Have the parent sign the new engine's request; its key never leaves Vault."""
    engine = authority.path.partition("/")[0]
    request = _write(session, authority.path, authority.fields)["csr"]
    terms = {"csr": request, "common_name": authority.fields["common_name"], "ttl": authority.fields["ttl"]}
    signed = _write(session, f"{authority.parent}/root/sign-intermediate", {**terms, "format": "pem_bundle"})
    _write(session, f"{engine}/intermediate/set-signed", {"certificate": signed["certificate"]})


def _read(session: VaultSession, path: str) -> Mapping[str, Any] | None:
    what = f"read {path}"

    def found(client: Any) -> Any:
        try:
            return client.read(path)
        except hvac.exceptions.InvalidRequest:
            return None  # the engine has no authority yet

    answer = session.ask(what, found, Need(path, "read"))
    return None if answer is None else _data(answer, what)


def _write(session: VaultSession, path: str, fields: Mapping[str, object]) -> Mapping[str, Any]:
    what = f"write {path}"
    answer = session.ask(what, lambda client: client.write_data(path, data=dict(fields)), Need(path, "update"))
    return _data(answer, what) if isinstance(answer, Mapping) else {}


def _data(answer: Any, what: str) -> Mapping[str, Any]:
    data = answer.get("data") if isinstance(answer, Mapping) else None
    if isinstance(answer, Mapping) and data is None:
        return {}
    if not isinstance(data, Mapping):
        raise VaultError(f"{what}: the answer is not one of Vault", cause="another server listens there")
    return data
