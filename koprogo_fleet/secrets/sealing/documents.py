"""Manifests as people pipe them: YAML or JSON, one or many, read without ever showing what is in them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.yamlfile import dump_yaml
from koprogo_fleet.secrets.sealing.words import Format


class _Loader(yaml.CSafeLoader):
    """Reads dates as text, as Kubernetes does."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if not tag.endswith(":timestamp")]
    for first, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def read_documents(text: str, kind: str) -> tuple[dict[str, Any], ...]:
    """
    Return the manifests of *kind* in *text*; those of a ``List`` one by one.

    Raises:
        InputError: it is neither YAML nor JSON, or has something else in it; names lines and kinds, never content.
    """
    documents = [one for document in _parsed(text) if document is not None for one in _members(document)]
    for number, document in enumerate(documents, 1):
        if not isinstance(document, dict) or document.get("kind") != kind:
            seen = document.get("kind") if isinstance(document, dict) else type(document).__name__
            raise InputError(
                f"document {number} is not a {kind}, but {seen if isinstance(seen, str) else 'something without a kind'}",
                cause="something else was piped here",
            )
        if not isinstance(document.get("metadata") or {}, dict):
            raise InputError(f"document {number}: its metadata is no mapping")
    if not documents:
        raise InputError(f"there is no {kind} in the input", cause="nothing was piped here")
    return tuple(documents)


def write_documents(manifests: Sequence[Mapping[str, Any]], form: Format) -> str:
    """Return the text of *manifests*."""
    if form is Format.JSON:
        return "".join(f"{json.dumps(manifest, indent=2)}\n" for manifest in manifests)
    return "---\n".join(dump_yaml(manifest) for manifest in manifests)


def _parsed(text: str) -> list[Any]:
    try:
        return list(yaml.load_all(text, Loader=_Loader))
    except yaml.YAMLError as error:
        # Not chained: a YAML error shows the line, which may be a value.
        mark = getattr(error, "problem_mark", None)
        raise InputError(
            f"the input is neither YAML nor JSON{f': line {mark.line + 1}' if mark else ''}",
            cause="it is cut short, or a value lacks its quotes",
        ) from None


def _members(document: Any) -> Iterator[Any]:
    if isinstance(document, dict) and document.get("kind") == "List":
        yield from document.get("items") or ()
    else:
        yield document
