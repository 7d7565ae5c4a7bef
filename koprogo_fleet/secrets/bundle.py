"""What a Secret of the cluster should be, and how that differs from what is there. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.seal import Scope, certificate_fingerprint, seal
from koprogo_fleet.secrets.sealing.words import API_VERSION, KEY_ANNOTATION, KIND
from koprogo_fleet.secrets.spec import SecretSpec, SecretType, Target, Values
from koprogo_fleet.vault import Stored

VERSION_ANNOTATION = "fleet.koprogo.io/vault-version"
SCOPE_ANNOTATION = "sealedsecrets.bitnami.com/{scope}"
LABELS = {"app.kubernetes.io/managed-by": "koprogo-fleet"}

InVault = Mapping[str, Stored | None]
"""What Vault has at each path."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Entry(NamedTuple):
    """One key of a Secret: a field of the secret *spec*."""

    key: str
    spec: SecretSpec
    field: str


@dataclass(frozen=True)
class Bundle:
    """One Secret of the cluster, with all the keys that secrets.yaml wants in it: it is sealed as a whole."""

    namespace: str
    name: str
    entries: tuple[Entry, ...]
    scope: Scope = Scope.STRICT
    type: SecretType = "Opaque"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def secret(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.namespace, self.name

    @property
    def paths(self) -> tuple[str, ...]:
        """Where in Vault its values are, in order."""
        return tuple(sorted({entry.spec.vault.path for entry in self.entries}))

    @property
    def keys(self) -> frozenset[str]:
        """The keys that secrets.yaml wants in it."""
        return frozenset(entry.key for entry in self.entries)

    def holds(self, spec: SecretSpec) -> bool:
        """Say whether a field of *spec* is in it."""
        return any(entry.spec.name == spec.name for entry in self.entries)

    def values(self, in_vault: InVault) -> dict[str, Secret]:
        """Return what the Secret should hold, as far as Vault has it."""
        found = ((entry.key, values_of(entry.spec, in_vault).get(entry.field)) for entry in self.entries)
        return {key: value for key, value in found if value is not None}

    def versions(self, in_vault: InVault) -> str:
        """Return the versions in Vault that the values come from: ``path=version``, with commas in between."""
        stored = {path: in_vault.get(path) for path in self.paths}
        return ",".join(f"{path}={found.version if found else 0}" for path, found in stored.items())

    def manifest(
        self,
        in_vault: InVault,
        certificate_pem: str,
        *,
        left: Values = _NOTHING,
        sealed_before: Mapping[str, str] = _NOTHING,
    ) -> dict[str, Any]:
        """
        Return the SealedSecret, for :meth:`values` sealed with the controller's certificate.

        Args:
            in_vault: what Vault has.
            certificate_pem: the controller's.
            left: what the live Secret holds beside, which nobody here asked for: it stays.
            sealed_before: the sealed form of keys that the SealedSecret has: those of *left* are taken over as they are.
        """
        taken_over = {key: sealed_before[key] for key in left if key in sealed_before}
        to_seal = {**{key: value for key, value in left.items() if key not in taken_over}, **self.values(in_vault)}
        return self.assembled(
            taken_over
            | {
                key: seal(value, certificate_pem, self.namespace, self.name, self.scope)
                for key, value in to_seal.items()
            },
            self.versions(in_vault),
            certificate_fingerprint(certificate_pem),
        )

    def assembled(self, encrypted: Mapping[str, str], versions: str, fingerprint: str) -> dict[str, Any]:
        """Return the SealedSecret around values that were sealed from *versions* in Vault, for the key *fingerprint*."""
        annotations = {VERSION_ANNOTATION: versions, KEY_ANNOTATION: fingerprint}
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
                "encryptedData": dict(encrypted),
                "template": {
                    "type": self.type,
                    "metadata": {"namespace": self.namespace, "name": self.name, "labels": LABELS},
                },
            },
        }


def bundles(specs: Sequence[SecretSpec]) -> tuple[Bundle, ...]:
    """Group the targets of *specs* by the Secret that they are."""
    grouped: dict[tuple[str, str], list[tuple[SecretSpec, Target]]] = {}
    for spec in specs:
        for target in spec.targets:
            grouped.setdefault(target.secret, []).append((spec, target))
    return tuple(
        Bundle(
            namespace,
            name,
            tuple(
                Entry(key, spec, field) for spec, target in members for field, key in spec.target_keys(target).items()
            ),
            members[0][1].scope,
            members[0][0].secret_type(members[0][1]),
        )
        for (namespace, name), members in grouped.items()
    )


def values_of(spec: SecretSpec, in_vault: InVault) -> dict[str, Secret]:
    """Return the fields of *spec* that Vault has."""
    return fields_in(spec, in_vault.get(spec.vault.path))


def fields_in(spec: SecretSpec, stored: Stored | None) -> dict[str, Secret]:
    """Return the fields of *spec* that are in one version of its path."""
    kept = stored.values if stored is not None else {}
    found = ((field, kept.get(spec.vault_key(field))) for field in spec.FIELDS)
    return {field: value for field, value in found if value is not None}


def vault_differences(specs: Sequence[SecretSpec], in_vault: InVault) -> Iterator[Difference]:
    """Tell which secrets have to be made."""
    for spec in specs:
        if not values_of(spec, in_vault):
            keys = ", ".join(spec.vault_key(field) for field in spec.FIELDS)
            yield Difference(Operation.CREATE, f"vault secret {spec.vault.path} {keys}", new=f"a {spec.kind}")


def cluster_differences(
    bundle: Bundle, in_vault: InVault, live: Mapping[str, Secret] | None, sealed: Mapping[str, Any] | None
) -> Iterator[Difference]:
    """
    Tell how a Secret and its SealedSecret differ from Vault; each one is a reason to seal again.

    What the Secret holds beside is no difference: it is left alone, see :func:`left_alone`.

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
    sealed_from = annotation(sealed, VERSION_ANNOTATION) or "an unknown version"
    if sealed_from != versions:
        yield Difference(Operation.CHANGE, f"sealedsecret {bundle}", old=sealed_from, new=versions)


def annotation(manifest: Mapping[str, Any], name: str) -> str:
    """Return an annotation of an object; empty where it has none of that name."""
    return str((manifest["metadata"].get("annotations") or {}).get(name, ""))


def left_alone(bundle: Bundle, live: Mapping[str, Secret] | None) -> dict[str, Secret]:
    """Return what the live Secret holds that secrets.yaml does not want in it: it is left there."""
    return {key: value for key, value in sorted((live or {}).items()) if key not in bundle.keys}


def _content_differences(
    bundle: Bundle, wanted: Mapping[str, Secret], live: Mapping[str, Secret]
) -> Iterator[Difference]:
    for key in (entry.key for entry in bundle.entries):
        if key not in live:
            yield Difference(Operation.CREATE, f"secret {bundle} key {key}")
        elif wanted.get(key) != live[key]:
            yield Difference(
                Operation.CHANGE, f"secret {bundle} key {key}", old="another value", new="the value in Vault"
            )
