"""A live SealedSecret opened in memory: with which keys, whether the Secret holds the same, and how it is sealed again. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.sealing.block import label_of, open_block
from koprogo_fleet.secrets.sealing.certificate import SealingCertificate
from koprogo_fleet.secrets.sealing.keys import SealingKey
from koprogo_fleet.secrets.sealing.manifests import scope_of
from koprogo_fleet.secrets.sealing.words import KEY_ANNOTATION, Scope

"""The fingerprint of the key that sealed it last, for people; who has the keys tries them instead."""


@dataclass(frozen=True)
class Item:
    """One value, in base64 as Kubernetes has it, and the fingerprint of the *key* that opened it."""

    value: Secret
    key: str


@dataclass(frozen=True)
class Opened:
    """
    What is in a SealedSecret.

    Attributes:
        items: what could be opened.
        closed: the names of what no key opens.
        rendered: the names that its template sets, whatever was sealed.
        trouble: why it is not in order by what the controller says; nothing if it is.
        version: of the object that was read.
    """

    namespace: str
    name: str
    scope: Scope
    items: Mapping[str, Item]
    closed: tuple[str, ...]
    rendered: frozenset[str]
    trouble: str
    version: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def needs(self) -> frozenset[str]:
        """The fingerprints of all keys that it needs."""
        return frozenset(item.key for item in self.items.values())

    def why_not_live(self, secret: Mapping[str, Any] | None) -> str:
        """Say how the live Secret differs from what was sealed, without values; nothing if it does not."""
        if self.closed:
            return f"no key opens {', '.join(self.closed)}"
        if secret is None:
            return f"there is no Secret: {self.trouble or 'the controller has said nothing yet'}"
        data = secret.get("data") or {}
        others = [
            key
            for key, item in self.items.items()
            if key not in self.rendered and Secret(data.get(key) or "") != item.value
        ]
        if others:
            return f"the Secret holds something else than what is sealed: {', '.join(sorted(others))}"
        return self.trouble

    def sealed_again(self, certificate: SealingCertificate) -> dict[str, Any]:
        """Return the merge patch that seals what other keys have sealed; refused where the object has changed meanwhile."""
        anew = {
            key: certificate.seal(base64.b64decode(item.value.reveal()), self.namespace, self.name, self.scope)
            for key, item in self.items.items()
            if item.key != certificate.fingerprint
        }
        return {
            "metadata": {
                "resourceVersion": self.version,
                "annotations": {KEY_ANNOTATION: certificate.fingerprint},
            },
            "spec": {"encryptedData": anew},
        }


def opened(sealed: Mapping[str, Any], keys: Sequence[SealingKey]) -> Opened:
    """
    Open a SealedSecret: each value by itself, since a merged one has values of several keys.

    The key that its annotation names is tried first.

    Args:
        sealed: the object as the cluster has it.
        keys: those to try.
    """
    metadata, spec = sealed["metadata"], sealed.get("spec") or {}
    namespace, name, scope = metadata["namespace"], metadata["name"], scope_of(metadata)
    label, hint = label_of(namespace, name, scope), (metadata.get("annotations") or {}).get(KEY_ANNOTATION)
    ordered = sorted(keys, key=lambda key: key.fingerprint != hint)
    items, closed = {}, []
    for field, block in (spec.get("encryptedData") or {}).items():
        if item := _open(block, label, ordered):
            items[field] = item
        else:
            closed.append(field)
    if spec.get("data"):
        closed.append("spec.data (the form of old releases)")
    rendered = frozenset((spec.get("template") or {}).get("data") or ())
    return Opened(
        namespace, name, scope, items, tuple(closed), rendered, _trouble(sealed), metadata.get("resourceVersion", "")
    )


def _open(block: str, label: bytes, keys: Sequence[SealingKey]) -> Item | None:
    for key in keys:
        if (content := open_block(block, key.private, label)) is not None:
            return Item(Secret(base64.b64encode(content).decode()), key.fingerprint)
    return None


def _trouble(sealed: Mapping[str, Any]) -> str:
    status = sealed.get("status") or {}
    if status.get("observedGeneration") != sealed["metadata"].get("generation"):
        return "the controller has not looked at it yet"
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Synced" and condition.get("status") != "True":
            return f"the controller says: {condition.get('message') or 'not synced'}"
    return ""
