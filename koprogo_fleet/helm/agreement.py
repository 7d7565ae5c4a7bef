"""
Whether a live object is as a manifest says. Pure.

This is a quick look, made to be wrong on one side only: what it calls equal is; what it doubts is compared by the cluster
itself, which knows every default and every way to write a quantity.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?")
_UNITS: Mapping[str | None, Decimal | int] = {
    "m": Decimal("0.001"), "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12,
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40,
}  # fmt: skip
_NOT_WRITTEN = frozenset({"apiVersion", "kind", "status"})
_IN_METADATA = ("labels", "annotations")
_FALSE_IS_LEFT_OUT = frozenset(
    {"hostIPC", "hostNetwork", "hostPID", "paused", "publishNotReadyAddresses", "readOnly", "stdin", "tty"}
)
"""Fields that the API server keeps only when they are true."""


def agrees(wanted: Mapping[str, Any], live: Mapping[str, Any]) -> bool:
    """Say whether *live* has every field that *wanted* names, with the same value."""
    metadata, live_metadata = wanted.get("metadata") or {}, live.get("metadata") or {}
    if not all(_same(metadata.get(field), live_metadata.get(field)) for field in _IN_METADATA):
        return False
    body = {field: value for field, value in _as_stored(wanted).items() if field not in _NOT_WRITTEN}
    return all(_same(value, live.get(field)) for field, value in body.items() if field != "metadata")


def _as_stored(wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a manifest with the text of a Secret where the API server keeps it."""
    if wanted.get("kind") != "Secret" or "stringData" not in wanted:
        return wanted
    text = {key: base64.b64encode(str(value).encode()).decode() for key, value in wanted["stringData"].items()}
    rest = {field: value for field, value in wanted.items() if field != "stringData"}
    return {**rest, "data": {**(wanted.get("data") or {}), **text}}


def _same_field(field: str, wanted: Any, live: Any) -> bool:
    return (wanted is False and live is None and field in _FALSE_IS_LEFT_OUT) or _same(wanted, live)


def _same(wanted: Any, live: Any) -> bool:
    if wanted is None:  # a manifest that does not care
        return True
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        return all(_same_field(field, value, live.get(field)) for field, value in wanted.items())
    if isinstance(wanted, list) and isinstance(live, list):
        return len(wanted) == len(live) and all(map(_same, wanted, live))
    if live is None:
        return not wanted and not isinstance(wanted, bool | int)
    return str(wanted) == str(live) or _amount(wanted) == _amount(live) is not None


def _amount(value: Any) -> Decimal | None:
    match = _QUANTITY.fullmatch(str(value))
    return Decimal(match[1]) * _UNITS.get(match[2], 1) if match else None
