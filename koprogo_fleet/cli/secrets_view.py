"""What ``koprogo-fleet secrets status`` shows: a table for people, one object for machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from koprogo_fleet.secrets.due import in_words

if TYPE_CHECKING:
    from rich.table import Table

    from koprogo_fleet.secrets.state import State

NONE = "-"


def as_object(found: Sequence[State]) -> dict[str, Any]:
    """Return all of it for ``--json``."""
    return {"as_desired": not any(state.problems for state in found), "secrets": [_object(state) for state in found]}


def _object(state: State) -> dict[str, Any]:
    kept, policy = state.kept, state.kept.spec.rotation
    return {
        "name": kept.spec.name,
        "kind": kept.spec.kind,
        "owner": kept.spec.owner,
        "vault_path": kept.spec.vault.path,
        "vault_version": kept.stored.version if kept.stored else None,
        "since": kept.since.isoformat() if kept.since else None,
        "age_seconds": int(kept.age.total_seconds()) if kept.age is not None else None,
        "max_age_seconds": int(policy.max_age.total_seconds()) if policy.max_age is not None else None,
        "due": kept.due,
        "window": policy.window,
        "in_window": kept.open,
        "sealed": [
            {
                "secret": one.secret,
                "vault_versions": one.versions,
                "sealing_key": one.key,
                "sealing_key_is_old": one.key_is_old,
                "file": one.file,
                "differences": list(one.differences),
            }
            for one in state.sealed
        ],
        "rotation": state.rotation,
        "last_rotation": None
        if kept.closed is None
        else {
            "committed": kept.closed.committed,
            "ended": kept.closed.ended.isoformat(),
            "former_version": kept.closed.former_version,
            "revoked": kept.closed.revoked,
            "reason": kept.closed.reason,
        },
        "problems": list(state.problems),
    }


def table(found: Sequence[State]) -> Table:
    """Return a row for each secret."""
    from rich.table import Table

    shown = Table("Secret", "Kind", "Age", "Due", "Vault", "Sealed", "Key", "Rotation", title="Secrets")
    for state in found:
        kept = state.kept
        shown.add_row(
            kept.spec.name,
            kept.spec.kind,
            in_words(kept.age) if kept.age is not None else NONE,
            _due(state),
            str(kept.stored.version) if kept.stored else NONE,
            "\n".join(_sealed(state)) or NONE,
            "\n".join(dict.fromkeys(one.key for one in state.sealed if one.key)) or NONE,
            state.rotation or NONE,
        )
    return shown


def sentences(found: Sequence[State]) -> Iterator[str]:
    """Yield what is not as it should be, and what is worth knowing."""
    for state in found:
        for problem in state.problems:
            yield f"{state.kept.spec.name}: {problem}"
        if any(one.key_is_old for one in state.sealed):
            yield f"{state.kept.spec.name}: sealed for an older key, which still opens it"
        if (closed := state.kept.closed) is not None and not closed.committed:
            yield f"{state.kept.spec.name}: its last rotation went back ({closed.ended:%Y-%m-%d %H:%M} UTC): {closed.reason}"
    if not any(state.problems for state in found):
        yield "All secrets are as they should be."


def _due(state: State) -> str:
    if not state.kept.due:
        return "no" if state.kept.spec.rotation.max_age is not None else "never"
    return "yes" if state.kept.open else f"yes, {state.kept.spec.rotation.window}"


def _sealed(state: State) -> Iterator[str]:
    path = state.kept.spec.vault.path
    for one in state.sealed:
        versions = dict(item.split("=") for item in one.versions.split(",") if "=" in item)
        yield f"{one.secret} {versions.get(path, NONE)}{' differs' if one.differences else ''}"
