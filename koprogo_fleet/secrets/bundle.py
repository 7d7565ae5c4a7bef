"""What a Secret of the cluster should be, and how that differs from what is there. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.model import SecretSpec
from koprogo_fleet.secrets.seal import Scope, certificate_fingerprint, seal
from koprogo_fleet.vault import Stored

API_VERSION = "bitnami.com/v1alpha1"
KIND = "SealedSecret"
VERSION_ANNOTATION = "fleet.koprogo.io/vault-version"
KEY_ANNOTATION = "fleet.koprogo.io/sealing-key"
SCOPE_ANNOTATION = "sealedsecrets.bitnami.com/{scope}"
LABELS = {"app.kubernetes.io/managed-by": "koprogo-fleet"}

InVault = Mapping[str, Stored | None]
"""What Vault has at each path."""


@dataclass(frozen=True)
class Bundle:
    """One Secret of the cluster, with the *specs* of all its keys: it is sealed as a whole."""

    namespace: str
    name: str
    specs: tuple[SecretSpec, ...]

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def scope(self) -> Scope:
        """What its sealed form is bound to; the same for all its keys."""
        return self.specs[0].scope

    def values(self, in_vault: InVault) -> dict[str, Secret]:
        """Return what the Secret should hold, as far as Vault has it."""
        found = ((spec.target.key, value_of(spec, in_vault)) for spec in self.specs)
        return {key: value for key, value in found if value is not None}

    def versions(self, in_vault: InVault) -> str:
        """Return the versions in Vault that the values come from: ``path=version``, with commas in between."""
        stored = {spec.vault.path: in_vault.get(spec.vault.path) for spec in self.specs}
        return ",".join(f"{path}={found.version if found else 0}" for path, found in sorted(stored.items()))

    def manifest(self, in_vault: InVault, certificate_pem: str) -> dict[str, Any]:
        """Return the SealedSecret, for :meth:`values` sealed with the controller's certificate."""
        annotations = {
            VERSION_ANNOTATION: self.versions(in_vault),
            KEY_ANNOTATION: certificate_fingerprint(certificate_pem),
        }
        if self.scope is not Scope.STRICT:
            annotations[SCOPE_ANNOTATION.format(scope=self.scope)] = "true"
        return {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {
                "namespace": self.namespace,
                "name": self.name,
                "labels": LABELS,
                "annotations": annotations,
            },
            "spec": {
                "encryptedData": {
                    key: seal(value, certificate_pem, self.namespace, self.name, self.scope)
                    for key, value in self.values(in_vault).items()
                },
                "template": {
                    "type": "Opaque",
                    "metadata": {"namespace": self.namespace, "name": self.name, "labels": LABELS},
                },
            },
        }


def bundles(specs: Sequence[SecretSpec]) -> tuple[Bundle, ...]:
    """Group *specs* by the Secret that they are for."""
    grouped: dict[tuple[str, str], list[SecretSpec]] = {}
    for spec in specs:
        grouped.setdefault(spec.target.secret, []).append(spec)
    return tuple(Bundle(namespace, name, tuple(members)) for (namespace, name), members in grouped.items())


def value_of(spec: SecretSpec, in_vault: InVault) -> Secret | None:
    """Return the value that Vault has for *spec*, or None."""
    stored = in_vault.get(spec.vault.path)
    return None if stored is None else stored.values.get(spec.vault.key)


def vault_differences(specs: Sequence[SecretSpec], in_vault: InVault) -> Iterator[Difference]:
    """Tell which values have to be made."""
    seen: set[tuple[str, str]] = set()
    for spec in specs:
        place = (spec.vault.path, spec.vault.key)
        if place not in seen and value_of(spec, in_vault) is None:
            yield Difference(Operation.CREATE, f"vault secret {spec.vault.path} {spec.vault.key}", new=f"a {spec.kind}")
        seen.add(place)


def cluster_differences(
    bundle: Bundle, in_vault: InVault, live: Mapping[str, Secret] | None, sealed: Mapping[str, Any] | None
) -> Iterator[Difference]:
    """
    Tell how a Secret and its SealedSecret differ from Vault; each one is a reason to seal again.

    Args:
        bundle: the Secret as it should be.
        in_vault: what Vault has.
        live: what the Secret in the cluster holds, or None if there is none.
        sealed: the SealedSecret in the cluster, or None.
    """
    versions = bundle.versions(in_vault)
    if live is None:
        yield Difference(Operation.CREATE, f"secret {bundle}", new=f"from vault {versions}")
        return
    yield from _content_differences(bundle, bundle.values(in_vault), live)
    if sealed is None:
        yield Difference(Operation.CREATE, f"sealedsecret {bundle}", new=f"from vault {versions}")
        return
    annotations = sealed["metadata"].get("annotations") or {}
    sealed_from = annotations.get(VERSION_ANNOTATION, "an unknown version")
    if sealed_from != versions:
        yield Difference(Operation.CHANGE, f"sealedsecret {bundle}", old=sealed_from, new=versions)


def _content_differences(
    bundle: Bundle, wanted: Mapping[str, Secret], live: Mapping[str, Secret]
) -> Iterator[Difference]:
    for spec in bundle.specs:
        key = spec.target.key
        if key not in live:
            yield Difference(Operation.CREATE, f"secret {bundle} key {key}")
        elif wanted.get(key) != live[key]:
            yield Difference(
                Operation.CHANGE, f"secret {bundle} key {key}", old="another value", new="the value in Vault"
            )
    for key in sorted(live.keys() - {spec.target.key for spec in bundle.specs}):
        yield Difference(Operation.DELETE, f"secret {bundle} key {key}")
