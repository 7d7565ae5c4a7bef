"""
A plan in a file: shown today, applied tomorrow, and refused when fleet.yaml or the fleet's objects have moved.

The file says which steps there are, and has a fingerprint of each part of fleet.yaml and of each object; what the
fingerprints were made from is not in it, nor is anything secret.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from koprogo_fleet.core.errors import InputError, OvhConflict
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.provision.lists import Observed
from koprogo_fleet.provision.owned import owned
from koprogo_fleet.provision.plan import Plan

FORMAT = "koprogo-fleet plan 1"


def plan_to_json(wanted: Plan) -> str:
    """Return *wanted* as a file's content."""
    return json.dumps({"format": FORMAT, "fleet": wanted.fleet.name, **_content(wanted)}, indent=2) + "\n"


def plan_from_json(text: str, fresh: Plan) -> Plan:
    """
    Return the plan that was saved, if it is still right.

    Args:
        text: what :func:`plan_to_json` returned.
        fresh: the same plan, made anew: only it can be applied, and what was saved says whether it may be.

    Raises:
        InputError: *text* is no saved plan.
        OvhConflict: fleet.yaml or an object at OVH has moved since; says which.
    """
    saved = _read(text)
    if saved["fleet"] != fresh.fleet.name:
        raise InputError(
            f"this plan is for the fleet {saved['fleet']}, not for {fresh.fleet.name}",
            next_step="choose the inventory that it was made for",
        )
    content = _content(fresh)
    moved = [
        *(f"{name} in fleet.yaml" for name in _differing(saved["fleet_yaml"], content["fleet_yaml"])),
        *_differing(saved["objects"], content["objects"]),
    ]
    if moved or saved["steps"] != content["steps"]:
        raise OvhConflict(
            f"the plan is out of date: {', '.join(moved) or 'its steps are others now'}",
            cause="fleet.yaml was edited, or objects at OVH have changed since the plan was saved",
            next_step="make a new plan, look at it, and apply that one",
        )
    return fresh


def _read(text: str) -> dict[str, Any]:
    try:
        saved = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"this is no saved plan: line {error.lineno} is not JSON") from error
    if not isinstance(saved, dict) or saved.get("format") != FORMAT:
        raise InputError(
            f"this is no saved plan: it does not say that its format is {FORMAT!r}",
            next_step="make a new plan with this version",
        )
    return saved


def _content(wanted: Plan) -> dict[str, Any]:
    return {
        "steps": [
            {
                "action": str(step.action),
                "kind": step.ref.noun,
                "name": step.ref.name,
                "old": step.old,
                "new": step.new,
                "loses_data": step.loses_data,
            }
            for step in wanted.steps
        ],
        "fleet_yaml": _sections(wanted.fleet),
        "objects": _objects(wanted.observed, wanted.fleet),
    }


def _sections(fleet: Fleet) -> dict[str, str]:
    return {name: _fingerprint(value) for name, value in fleet.model_dump(mode="json").items()}


def _objects(observed: Observed, fleet: Fleet) -> dict[str, str]:
    return {f"{item.ref} ({item.existing.id})": _fingerprint(item.existing.value) for item in owned(observed, fleet)}


def _differing(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return [name for name in {**old, **new} if old.get(name) != new.get(name)]


def _fingerprint(value: object) -> str:
    return hashlib.sha256(json.dumps(_plain(value), sort_keys=True).encode()).hexdigest()[:16]


def _plain(value: object) -> Any:
    """Return *value* as JSON can have it; the API's lists have no order."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return sorted((_plain(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return str(value)
