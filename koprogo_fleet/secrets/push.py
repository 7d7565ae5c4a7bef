"""From secrets.yaml to Vault, and from Vault to the cluster: look, decide, act, and prove it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from koprogo_fleet.core.diff import Difference
from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.core.events import Listener, Note, ignore
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.kube import Cluster, content_of, owners_of
from koprogo_fleet.secrets.bundle import (
    API_VERSION,
    KIND,
    Bundle,
    InVault,
    bundles,
    cluster_differences,
    value_of,
    vault_differences,
)
from koprogo_fleet.secrets.generate import generate
from koprogo_fleet.secrets.model import SecretSpec
from koprogo_fleet.vault import Stored, Vault

NOTHING = Stored({}, 0)


def plan(specs: Sequence[SecretSpec], vault: Vault, cluster: Cluster | None) -> tuple[Difference, ...]:
    """
    Tell what :func:`apply` would do; nothing is written.

    Args:
        specs: from secrets.yaml.
        vault: where the values are kept.
        cluster: where they are needed; None while there is none.

    Raises:
        VaultError, KubernetesError: one of them cannot be read.
    """
    in_vault = _read(specs, vault)
    found = list(vault_differences(specs, in_vault))
    after = _as_if_written(specs, in_vault)
    for bundle in bundles(specs):
        found += _differences(bundle, after, cluster)
    return tuple(found)


def apply(
    specs: Sequence[SecretSpec],
    vault: Vault,
    cluster: Cluster,
    *,
    listener: Listener = ignore,
    seconds: float = 90.0,
) -> tuple[Difference, ...]:
    """
    Make the values that Vault lacks, seal what the cluster lacks, and wait until each Secret holds what Vault has.

    What is already right is left alone: the second run writes nothing, neither to Vault nor to the cluster.

    Args:
        specs: from secrets.yaml.
        vault: where the values are kept.
        cluster: where they are needed.
        listener: is told of each step.
        seconds: the deadline for the controller to appear, and again for each Secret to be right.

    Returns:
        what differed, and does no more.

    Raises:
        VaultConflict: another run made the same secret at the same moment.
        WaitTimeout: the controller is missing, or did not unseal; carries what it said.
        VaultError, KubernetesError: one of them refused.
        InputError: a value cannot be sealed.
    """
    in_vault = _read(specs, vault)
    done = list(vault_differences(specs, in_vault))
    if done:
        in_vault = _make_missing(specs, in_vault, vault, listener)
    certificate: str | None = None
    for bundle in bundles(specs):
        differences = _differences(bundle, in_vault, cluster)
        if not differences:
            continue
        certificate = certificate or _certificate(cluster, seconds, listener)
        cluster.apply(bundle.manifest(in_vault, certificate))
        listener(Note(f"sealed {bundle} from vault {bundle.versions(in_vault)}"))
        _prove(bundle, in_vault, cluster, seconds, listener)
        done += differences
    return tuple(done)


def _read(specs: Sequence[SecretSpec], vault: Vault) -> InVault:
    return {path: vault.read(path) for path in sorted({spec.vault.path for spec in specs})}


def _differences(bundle: Bundle, in_vault: InVault, cluster: Cluster | None) -> tuple[Difference, ...]:
    live = cluster.secret(bundle.namespace, bundle.name) if cluster else None
    sealed = _sealed(bundle, cluster) if cluster else None
    return tuple(cluster_differences(bundle, in_vault, live, sealed))


def _sealed(bundle: Bundle, cluster: Cluster) -> Mapping[str, Any] | None:
    return cluster.get(API_VERSION, KIND, bundle.name, bundle.namespace)


def _as_if_written(specs: Sequence[SecretSpec], in_vault: InVault) -> InVault:
    """Return what Vault would have, with the version numbers that the missing values would get."""
    after = dict(in_vault)
    for path, missing in _missing(specs, in_vault).items():
        before = in_vault[path] or NOTHING
        after[path] = Stored(
            {**before.values, **{spec.vault.key: generate(spec) for spec in missing}}, before.version + 1
        )
    return after


def _make_missing(specs: Sequence[SecretSpec], in_vault: InVault, vault: Vault, listener: Listener) -> InVault:
    """Make what is missing, one write for each path, and only if nobody has written there meanwhile."""
    after = _as_if_written(specs, in_vault)
    for path in _missing(specs, in_vault):
        wanted = after[path] or NOTHING
        vault.write(path, wanted.values, expected_version=wanted.version - 1)
        listener(Note(f"written to vault: {path}, version {wanted.version}"))
    return after


def _missing(specs: Sequence[SecretSpec], in_vault: InVault) -> dict[str, list[SecretSpec]]:
    missing: dict[str, list[SecretSpec]] = {}
    for spec in specs:
        if value_of(spec, in_vault) is None:
            missing.setdefault(spec.vault.path, []).append(spec)
    return missing


def _certificate(cluster: Cluster, seconds: float, listener: Listener) -> str:
    """Return the controller's certificate, once the controller is there: a new cluster needs a moment for it."""

    def look() -> str:
        if not cluster.serves(API_VERSION, KIND):
            raise NotYet(f"the cluster does not know the kind {KIND}")
        try:
            return cluster.sealing_certificate()
        except KubernetesError as error:
            raise NotYet(str(error)) from error

    return wait_for(
        "the Sealed Secrets controller gives its certificate",
        look,
        seconds=seconds,
        listener=listener,
        cause="the controller is not installed in kube-system, or its pod does not run",
        next_step="kubectl --namespace kube-system get pods,services",
    )


def _prove(bundle: Bundle, in_vault: InVault, cluster: Cluster, seconds: float, listener: Listener) -> None:
    """Wait until the Secret itself is right: a status may be old, content is not. And that it is there to stay."""
    wanted = bundle.values(in_vault)

    def look() -> None:
        live, sealed = cluster.get("v1", "Secret", bundle.name, bundle.namespace), _sealed(bundle, cluster)
        if live is None:
            seen = "there is no Secret"
        elif content_of(live) != wanted:
            seen = "the Secret holds other values"
        elif _belongs_to_another(live, sealed):
            seen = "the Secret belongs to a SealedSecret that was deleted, and will be deleted with it"
        else:
            return
        raise NotYet(f"{seen}; {_controller_says(sealed)}")

    wait_for(
        f"the Secret {bundle} holds what Vault has",
        look,
        seconds=seconds,
        interval=0.25,
        listener=listener,
        cause="the controller cannot unseal it, or does not run",
        next_step=f"kubectl --namespace {bundle.namespace} describe sealedsecret {bundle.name}",
    )


def _belongs_to_another(secret: Mapping[str, Any], sealed: Mapping[str, Any] | None) -> bool:
    """Say whether Kubernetes will collect the Secret as garbage, whatever it holds at this moment."""
    owners = owners_of(secret)
    return bool(owners) and sealed is not None and sealed["metadata"]["uid"] not in owners


def _controller_says(sealed: Mapping[str, Any] | None) -> str:
    status = (sealed or {}).get("status") or {}
    conditions = [condition for condition in status.get("conditions") or () if condition.get("type") == "Synced"]
    if not conditions:
        return "the controller has said nothing yet"
    condition = conditions[0]
    return f"the controller says: {condition.get('message') or 'Synced ' + condition.get('status', 'Unknown')}"
