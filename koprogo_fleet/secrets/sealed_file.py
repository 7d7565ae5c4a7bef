"""A SealedSecret as a file: its text, whose it is, and whether what is sealed in it may be used as it is. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.yamlfile import dump_yaml
from koprogo_fleet.secrets.bundle import (
    LABELS,
    SCOPE_ANNOTATION,
    VERSION_ANNOTATION,
    Bundle,
    InVault,
    annotation,
)
from koprogo_fleet.secrets.sealing.merge import only
from koprogo_fleet.secrets.sealing.words import API_VERSION, KEY_ANNOTATION, KIND, Scope

MARK = "# Made from secrets.yaml, by koprogo-fleet; sha256 "
"""Before the digest of what follows that line: who changes the file by hand does not know to change it, too."""

_ANNOTATIONS = (VERSION_ANNOTATION, KEY_ANNOTATION, *(SCOPE_ANNOTATION.format(scope=scope) for scope in Scope))


def text_of(manifest: Mapping[str, Any]) -> str:
    """Return the text of a SealedSecret's file."""
    body = dump_yaml(_in_order(manifest))
    return f"{MARK}{_digest(body)}\n{body}"


def is_ours(text: str) -> bool:
    """Say whether the text is one that we have written, and nobody has changed."""
    first, _, body = text.partition("\n")
    return first == f"{MARK}{_digest(body)}"


def in_file(text: str) -> Mapping[str, Any]:
    """Return the SealedSecret in a file's text; nothing where there is none, or something else."""
    try:
        return only(text)
    except InputError:
        return {}


def as_written(live: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a file has of a SealedSecret that is live: what was sealed and said by us, and nothing of the server's."""
    metadata, spec = live["metadata"], live.get("spec") or {}
    template = spec.get("template") or {}
    about = {key: value for key, value in (template.get("metadata") or {}).items() if value is not None}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "namespace": metadata["namespace"],
            "name": metadata["name"],
            "labels": {key: value for key, value in (metadata.get("labels") or {}).items() if key in LABELS},
            "annotations": {
                key: value for key, value in (metadata.get("annotations") or {}).items() if key in _ANNOTATIONS
            },
        },
        "spec": {
            "encryptedData": spec.get("encryptedData") or {},
            "template": {**template, "metadata": about},
        },
    }


def is_usable(  # noqa: PLR0913 - all that it depends on, by name
    file: Mapping[str, Any],
    bundle: Bundle,
    in_vault: InVault,
    *,
    beside: Collection[str],
    fingerprint: str | None,
    live: Mapping[str, Any] | None,
) -> bool:
    """
    Say whether a file has what would be sealed anew: then it is applied as it is.

    Not where the cluster has the same already, and its controller has made something else of it.

    Args:
        file: the SealedSecret in it.
        bundle: what is wanted.
        in_vault: what Vault has.
        beside: the keys that the live Secret has, and nobody here asked for.
        fingerprint: of the key to seal for; None where that is not known.
        live: the SealedSecret in the cluster, read before the Secret.
    """
    if not file:
        return False
    sealed = (file.get("spec") or {}).get("encryptedData") or {}
    key = annotation(file, KEY_ANNOTATION) if fingerprint is None else fingerprint
    if file != bundle.assembled(sealed, bundle.versions(in_vault), key):
        return False
    if sealed.keys() != {*bundle.values(in_vault), *beside}:
        return False
    return live is None or sealed != (live.get("spec") or {}).get("encryptedData") or not _is_looked_at(live)


def _is_looked_at(live: Mapping[str, Any]) -> bool:
    seen: object = (live.get("status") or {}).get("observedGeneration")
    return seen is not None and seen == live["metadata"].get("generation")


def _in_order(value: object) -> object:
    """Return it with its keys sorted: the cluster gives them in another order."""
    return {key: _in_order(value[key]) for key in sorted(value)} if isinstance(value, Mapping) else value


def _digest(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()
