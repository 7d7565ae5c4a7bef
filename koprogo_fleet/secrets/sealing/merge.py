"""Putting sealed values into a SealedSecret's file, and changing not one other byte of it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.secrets.sealing.documents import read_documents
from koprogo_fleet.secrets.sealing.words import KIND

Path = tuple[str, ...]
MERGED: Sequence[Path] = (
    ("spec", "encryptedData"),
    ("spec", "template", "metadata", "annotations"),
    ("spec", "template", "metadata", "labels"),
)
"""What kubeseal --merge-into takes over."""


def merged(text: str, update: Mapping[str, Any]) -> str:
    """
    Return the *text* of a file with one SealedSecret, with the values, labels and annotations of *update* in it.

    Raises:
        InputError: there is not exactly one, or its layout is one that cannot be changed in place.
    """
    wanted = json.loads(json.dumps(only(text)))  # without the identities that aliases make
    for path in MERGED:
        for key, value in _at(update, path).items():
            _below(wanted, path)[key] = value
            if _at(only(text), path).get(key) != value:
                text = _with_entry(text, path, key, value)
    try:
        done = only(text)
    except InputError:
        done = {}
    if done != wanted:
        raise InputError(
            "the file cannot be changed in place",
            cause="its layout is an unusual one: aliases, or several documents",
            next_step="have YAML written anew first: kubectl create --dry-run=client -o yaml -f FILE",
        )
    return text


def only(text: str) -> dict[str, Any]:
    """
    Return the one SealedSecret in *text*.

    Raises:
        InputError: there is none, or another.
    """
    found = read_documents(text, KIND)
    if len(found) != 1:
        raise InputError(f"the file has {len(found)} SealedSecrets: values are merged into one")
    return found[0]


def _at(manifest: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    found: Any = manifest
    for step in path:
        found = (found or {}).get(step)
    return found or {}


def _below(manifest: dict[str, Any], path: Path) -> dict[str, Any]:
    for step in path:
        if manifest.get(step) is None:
            manifest[step] = {}
        manifest = manifest[step]
    return manifest


def _with_entry(text: str, path: Path, key: str, value: str) -> str:
    """Return *text* with a plain *value* at *key* of the mapping at *path*; mappings that lack are made, on one line."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(node, yaml.MappingNode)  # noqa: S101 - read_documents has seen it
    place = (*path, key)
    for depth, step in enumerate(place):
        below = next((found for name, found in node.value if name.value == step), None)
        if not isinstance(below, yaml.MappingNode) or depth == len(path):
            return _written(text, node, step, below, _nested(place[depth + 1 :], value))
        node = below
    raise AssertionError("the last step is a key")


def _nested(path: Path, value: str) -> str:
    nested: Any = value
    for step in reversed(path):
        nested = {step: nested}
    return json.dumps(nested)


def _written(text: str, node: yaml.MappingNode, key: str, old: yaml.Node | None, value: str) -> str:
    if old is not None and old.start_mark.index < old.end_mark.index:
        return f"{text[: old.start_mark.index]}{value}{text[old.end_mark.index :]}"
    if old is not None:  # nothing stands after the colon
        return f"{text[: old.start_mark.index]} {value}{text[old.start_mark.index :]}"
    entry = f"{json.dumps(key)}: {value}"
    if node.flow_style:
        at = node.value[-1][1].end_mark.index if node.value else node.start_mark.index + 1
        return f"{text[:at]}{', ' if node.value else ''}{entry}{text[at:]}"
    first = node.value[0][0].start_mark
    return f"{text[: first.index]}{entry}\n{' ' * first.column}{text[first.index :]}"
