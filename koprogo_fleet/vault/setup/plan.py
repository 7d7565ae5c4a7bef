"""What has to be done so that Vault has what is wanted: decided from values alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from koprogo_fleet.core.diff import Difference, Operation, text_diff
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.vault.setup.objects import Authority, Document, Mount, Wanted

Found: TypeAlias = Mapping[str, Mapping[str, Any] | None]
"""What Vault has, by the name for people of what is wanted."""


@dataclass(frozen=True)
class Step:
    """One object to make or to change, and what that means for a person."""

    wanted: Wanted
    difference: Difference


def plan(wanted: Sequence[Wanted], found: Found) -> tuple[Step, ...]:
    """
    Return the steps from *found* to *wanted*, in the order in which they have to be taken; nothing is ever deleted.

    Raises:
        InputError: something else is mounted where an engine is wanted.
    """
    differences = ((one, _difference(one, found.get(one.what))) for one in wanted)
    return tuple(Step(one, difference) for one, difference in differences if difference is not None)


def changed_fields(wanted: Document, found: Mapping[str, Any]) -> Mapping[str, object]:
    """Return the fields that are not as they must be."""
    return {name: value for name, value in wanted.fields.items() if not _is(wanted, name, value, found.get(name))}


def _difference(wanted: Wanted, found: Mapping[str, Any] | None) -> Difference | None:
    match wanted:
        case Mount():
            return _of_mount(wanted, found)
        case Document():
            return _of_document(wanted, found)
        case Authority():
            if found is not None:
                return None
            how = f"signed by {wanted.parent}/" if wanted.parent else ""
            return Difference(Operation.CREATE, wanted.what, new=how)


def _of_mount(wanted: Mount, found: Mapping[str, Any] | None) -> Difference | None:
    if found is None:
        return Difference(Operation.CREATE, wanted.what)
    version = (found.get("options") or {}).get("version", "1")
    if found["type"] != wanted.type or version != wanted.options.get("version", version):
        there = f"{found['type']}, version {version}" if wanted.options else found["type"]
        raise InputError(
            f"{wanted.path}/ should be the {wanted.what}, but there is already: {there}",
            next_step="name another mount, in fleet.yaml or by the option",
        )
    longest = int((found.get("config") or {}).get("max_lease_ttl") or 0)
    if wanted.longest <= longest or not wanted.longest:
        return None
    limit = f"at most {_days(wanted.longest)}"
    return Difference(Operation.CHANGE, wanted.what, f"at most {_days(longest)}", limit)


def _of_document(wanted: Document, found: Mapping[str, Any] | None) -> Difference | None:
    if found is None:
        return Difference(Operation.CREATE, wanted.what, detail=text_diff("", _text(wanted.fields), wanted.what))
    changed = changed_fields(wanted, found)
    if not changed:
        return None
    old, new = _text({name: found.get(name) for name in changed}), _text(changed)
    return Difference(Operation.CHANGE, wanted.what, detail=text_diff(old, new, wanted.what))


def _is(wanted: Document, name: str, value: object, found: object) -> bool:
    """Compare as Vault does: the order of a list does not count, nor the form in which it is empty."""
    if isinstance(value, bool | str):
        return (found if found is not None else type(value)()) == value
    if isinstance(value, int):
        number = int(str(found or 0)) or wanted.unset.get(name, 0)
        return number >= value if name in wanted.at_least else number == value
    if isinstance(value, list):
        return sorted(value) == sorted(found if isinstance(found, list) else [])
    return (found or {}) == value


def _text(fields: Mapping[str, object]) -> str:
    """Return fields for people: a policy as it is, all else a line each."""
    if list(fields) == ["policy"]:
        return str(fields["policy"] or "")
    return "\n".join(f"{name} = {json.dumps(value, sort_keys=True)}" for name, value in fields.items())


def _days(seconds: int) -> str:
    return f"{seconds // 86400} days" if seconds else "what Vault allows by itself"
