"""Finding what looks like a secret among values, which are in Git and in every plan. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from koprogo_fleet.core.model import Place

_SECRET_KEY = re.compile(
    r"(password|passwd|passphrase|token|apikey|privatekey|secretkey|accesskey|accesskeyid|credentials|clientsecret)$"
)
_NAMES_A_SECRET = re.compile(r"(existing|credential|password|token|auth)secret$")
_SECRET_TEXT = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----|://[^/\s:@]+:[^/\s:@{$]+@")


def plain_secrets(values: Any, names: frozenset[str], place: Place = ()) -> Iterator[tuple[Place, str]]:
    """
    Yield the places that a secret must not be written at, each with what to do instead; never the value.

    Args:
        values: as a person wrote them.
        names: of the Secrets that the release may be told of.
        place: where *values* are.
    """
    if isinstance(values, Mapping):
        yield from _of_pair(values, names, place)
        for key, value in values.items():
            yield from _of_key(str(key), value, names, (*place, key))
            yield from plain_secrets(value, names, (*place, key))
    elif isinstance(values, list):
        for index, value in enumerate(values):
            yield from plain_secrets(value, names, (*place, index))
    elif isinstance(values, str) and _SECRET_TEXT.search(values):
        yield place, f"this text holds a password or a private key: {_INSTEAD}"


def _of_key(key: str, value: Any, names: frozenset[str], place: Place) -> Iterator[tuple[Place, str]]:
    plain = _plain(key)
    if _is_text(value) and _SECRET_KEY.search(plain) and value not in names:
        yield place, f'"{key}" looks like a secret: {_INSTEAD}'
    elif _is_text(value) and _NAMES_A_SECRET.search(plain) and value not in names:
        yield place, f'"{key}" names a Secret that is not among the `secrets` of this release: add it there'


def _of_pair(pair: Mapping[Any, Any], names: frozenset[str], place: Place) -> Iterator[tuple[Place, str]]:
    """Look at ``{name: DATABASE_PASSWORD, value: …}``, as containers have it in ``env``."""
    name, value = pair.get("name"), pair.get("value")
    if isinstance(name, str) and _is_text(value) and _SECRET_KEY.search(_plain(name)) and value not in names:
        yield (*place, "value"), f'"{name}" looks like a secret: {_INSTEAD}'


def _plain(key: str) -> str:
    return re.sub(r"[^a-z]", "", key.lower())


def _is_text(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


_INSTEAD = "describe it in secrets.yaml, and tell the chart the name of that Secret"
