"""From a Secret's manifest to a SealedSecret's, as kubeseal makes it. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.secrets.sealing.certificate import SealingCertificate
from koprogo_fleet.secrets.sealing.words import API_VERSION, KIND, Scope

ANNOTATION = "sealedsecrets.bitnami.com"

OF_THE_SERVER = (
    "selfLink",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "ownerReferences",
    "managedFields",
)
COPIES = ("kubectl.kubernetes.io/last-applied-configuration", "kubecfg.ksonnet.io/last-applied-configuration")
"""Annotations that hold the whole Secret, in clear."""


def scope_of(metadata: Mapping[str, Any]) -> Scope:
    """Return the scope that an object's annotations say; the controller looks for cluster-wide first, too."""
    annotations = metadata.get("annotations") or {}
    for scope in (Scope.CLUSTER_WIDE, Scope.NAMESPACE_WIDE):
        if annotations.get(f"{ANNOTATION}/{scope}") == "true":
            return scope
    return Scope.STRICT


def named(
    manifest: Mapping[str, Any], namespace: str | None = None, name: str | None = None, scope: Scope | None = None
) -> dict[str, Any]:
    """
    Return a Secret's manifest with what was said on the command line instead of what it says itself.

    Raises:
        InputError: it has no name, or no namespace although its scope needs one.
    """
    metadata = dict(manifest.get("metadata") or {})
    for field in ("annotations", "labels"):
        found = metadata.get(field) or {}
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            raise InputError(
                f"the Secret's {field} are not all text", next_step="put true, false and numbers into quotes"
            )
    annotations = dict(metadata.get("annotations") or {})
    if scope is not None:
        annotations = {key: value for key, value in annotations.items() if not key.startswith(f"{ANNOTATION}/")}
        annotations |= scope_annotations(scope)
    metadata |= {"annotations": annotations}
    metadata |= {"name": name} if name else {}
    metadata |= {"namespace": namespace} if namespace else {}
    if not metadata.get("name"):
        raise InputError("the Secret has no metadata.name", next_step="write it there, or add --name")
    if not metadata.get("namespace") and scope_of(metadata) is not Scope.CLUSTER_WIDE:
        raise InputError(
            f"the Secret {metadata['name']} has no metadata.namespace, and is not sealed cluster-wide",
            next_step="write it there, or add --namespace",
        )
    return {**manifest, "metadata": metadata}


def scope_annotations(scope: Scope) -> dict[str, str]:
    """Return the annotations that tell the controller of *scope*."""
    return {} if scope is Scope.STRICT else {f"{ANNOTATION}/{scope}": "true"}


def sealed_manifest(
    secret: Mapping[str, Any], certificate: SealingCertificate, *, allow_empty: bool = False
) -> dict[str, Any]:
    """
    Return the SealedSecret of a Secret that has its name, see :func:`named`; it can be applied as it is.

    Raises:
        InputError: it has no data, or a value that is not text or base64; the value is never shown.
    """
    metadata = {key: value for key, value in secret["metadata"].items() if key not in OF_THE_SERVER}
    annotations = {key: value for key, value in (metadata.pop("annotations", None) or {}).items() if key not in COPIES}
    if annotations:
        metadata["annotations"] = annotations
    namespace, name, scope = metadata.get("namespace", ""), metadata["name"], scope_of(metadata)
    contents = contents_of(secret)
    if not contents and not allow_empty:
        raise InputError(
            f"the Secret {name} has no data",
            cause="it was cut short, or is a template",
            next_step="if it is meant to be empty: --allow-empty-data",
        )
    template = {field: secret[field] for field in ("type", "immutable") if secret.get(field) is not None}
    place = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": place | ({"annotations": scope_annotations(scope)} if scope is not Scope.STRICT else {}),
        "spec": {
            "encryptedData": {
                key: certificate.seal(content, namespace, name, scope) for key, content in contents.items()
            },
            "template": {"metadata": metadata, **template},
        },
    }


def contents_of(secret: Mapping[str, Any]) -> dict[str, bytes]:
    """
    Return what a Secret holds: *stringData* over *data*, as Kubernetes reads them.

    Raises:
        InputError: a value is not text or not base64.
    """
    name = secret["metadata"]["name"]
    data, texts = _mapping(secret, "data"), _mapping(secret, "stringData")
    return {
        **{key: _decoded(value, f"{name}: data.{key}") for key, value in data.items()},
        **{key: _encoded(value, f"{name}: stringData.{key}") for key, value in texts.items()},
    }


def _mapping(secret: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    found = secret.get(field) or {}
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise InputError(f"{secret['metadata']['name']}: {field} is not a mapping of names to text")
    return found


def _decoded(value: object, where: str) -> bytes:
    try:
        if isinstance(value, str):
            return base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):  # not chained: the traceback would have the value
        pass
    raise InputError(f"{where} is not base64", next_step="plain text belongs into stringData")


def _encoded(value: object, where: str) -> bytes:
    try:
        if isinstance(value, str):
            return value.encode()
    except UnicodeEncodeError:
        pass
    raise InputError(
        f"{where} is not text", cause="YAML reads it as a number, a date or a truth value", next_step="quote it"
    )
