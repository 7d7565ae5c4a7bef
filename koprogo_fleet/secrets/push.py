"""From secrets.yaml to Vault, and from Vault to the cluster: look, decide, act, and prove it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from koprogo_fleet.core.diff import Difference
from koprogo_fleet.core.errors import InputError, KubernetesError
from koprogo_fleet.core.events import Listener, Note, ignore
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.kube import Cluster, content_of, owners_of
from koprogo_fleet.secrets.bundle import (
    Bundle,
    InVault,
    bundles,
    values_of,
    vault_differences,
)
from koprogo_fleet.secrets.files import SealedFiles
from koprogo_fleet.secrets.kinds import BY_NAME
from koprogo_fleet.secrets.kinds.kind import Origin
from koprogo_fleet.secrets.kinds.static import by_a_person
from koprogo_fleet.secrets.prepare import differences, planned_file, prepared, sealed_in
from koprogo_fleet.secrets.sealing.words import API_VERSION, KIND
from koprogo_fleet.secrets.spec import SecretSpec
from koprogo_fleet.secrets.weak import refuse_weak
from koprogo_fleet.vault import Stored, Vault

NOTHING = Stored({}, 0)
SECONDS = 90.0

Make = Callable[[SecretSpec], None]
"""Makes the first values of a secret and keeps them in Vault, see :meth:`koprogo_fleet.secrets.rotation.engine.Engine.first`."""


def plan(
    specs: Sequence[SecretSpec],
    vault: Vault,
    cluster: Cluster | None,
    listener: Listener = ignore,
    files: SealedFiles | None = None,
) -> tuple[Difference, ...]:
    """
    Tell what :func:`apply` would do; nothing is written.

    Args:
        specs: from secrets.yaml.
        vault: where the values are kept.
        cluster: where they are needed; None while there is none.
        listener: is told what would be left alone.
        files: in git, between the two; None where secrets.yaml wants none.

    Raises:
        WeakSecret: Vault has a value that is no secret.
        GitError: the files could not be committed.
        InputError: Vault has a part of a secret.
        VaultError, KubernetesError: one of them cannot be read.
    """
    in_vault = read(specs, vault)
    _refuse_unusable(specs, in_vault)
    if files is not None:
        files.check(bundle.secret for bundle in bundles(specs))
    found = list(vault_differences(specs, in_vault))
    after = _as_if_made(specs, in_vault)
    for bundle in bundles(specs):
        ours = differences(bundle, after, cluster, listener)
        if files is not None:
            found += planned_file(bundle, after, cluster, files, differs=bool(ours))
        found += ours
    return tuple(found)


def apply(  # noqa: PLR0913 - three stores, and how to go about it
    specs: Sequence[SecretSpec],
    vault: Vault,
    cluster: Cluster,
    make: Make,
    *,
    files: SealedFiles | None = None,
    listener: Listener = ignore,
    seconds: float = SECONDS,
) -> tuple[Difference, ...]:
    """
    Make the values that Vault lacks, seal what the cluster lacks, and wait until each Secret holds what Vault has.

    What is already right is left alone: the second run writes nothing, neither to Vault nor to the cluster. So is what a
    Secret holds beside. Whatever is at a secret's path in Vault is valid, also while it is being rotated: see
    :mod:`koprogo_fleet.secrets.rotation.stages`.

    Args:
        specs: from secrets.yaml.
        vault: where the values are kept.
        cluster: where they are needed.
        make: makes what Vault has none of.
        files: in git, between the two; None where secrets.yaml wants none.
        listener: is told of each step.
        seconds: the deadline for the controller to appear, and again for each Secret to be right.

    Returns:
        what differed, and does no more.

    Raises:
        WeakSecret: Vault has a value that is no secret; nothing was changed.
        VaultConflict: another run made the same secret at the same moment.
        WaitTimeout: the controller is missing, or did not unseal; carries what it said.
        VaultError, KubernetesError, GitError: one of them refused.
        InputError: a value cannot be sealed, or only a person can make it.
    """
    in_vault = read(specs, vault)
    _refuse_unusable(specs, in_vault)
    if files is not None:
        files.check(bundle.secret for bundle in bundles(specs))
    done = list(vault_differences(specs, in_vault))
    missing = [spec for spec in specs if not values_of(spec, in_vault)]
    if by_hand := [spec for spec in missing if BY_NAME[spec.kind].origin is Origin.PERSON]:
        raise by_a_person(by_hand[0])
    for spec in missing:
        make(spec)
    if missing:
        in_vault = read(specs, vault)
    return (*done, *deliver(bundles(specs), in_vault, cluster, files=files, listener=listener, seconds=seconds))


def deliver(  # noqa: PLR0913 - three stores, and how to go about it
    wanted: Sequence[Bundle],
    in_vault: InVault,
    cluster: Cluster,
    *,
    files: SealedFiles | None = None,
    listener: Listener = ignore,
    seconds: float = SECONDS,
) -> tuple[Difference, ...]:
    """
    Seal what differs of the *wanted* Secrets, and wait until each holds what Vault has; return what differed.

    Where there are *files*, each is written and committed before the cluster gets the same.

    Raises:
        WaitTimeout: the controller is missing, or did not unseal; carries what it said.
        KubernetesError: the cluster refused.
        GitError: git refused; the cluster is as it was.
        InputError: a value cannot be sealed.
    """
    done: list[Difference] = []
    certificate = cache(lambda: _certificate(cluster, seconds, listener))
    for bundle in wanted:
        ready = prepared(bundle, in_vault, cluster, certificate, files, listener)
        done += ready.differences
        if ready.manifest is None:
            continue
        cluster.apply(ready.manifest)
        listener(Note(f"sealed {bundle} from vault {bundle.versions(in_vault)}"))
        _prove(bundle, ready.content, cluster, seconds, listener)
    return tuple(done)


def file(  # noqa: PLR0913 - three stores, and how to go about it
    wanted: Sequence[Bundle],
    in_vault: InVault,
    cluster: Cluster,
    files: SealedFiles,
    *,
    listener: Listener = ignore,
    seconds: float = SECONDS,
) -> None:
    """Seal what differs of the *wanted* Secrets into their files, and commit them: the first half of :func:`deliver`."""
    certificate = cache(lambda: _certificate(cluster, seconds, listener))
    for bundle in wanted:
        prepared(bundle, in_vault, cluster, certificate, files, listener)


def read(specs: Sequence[SecretSpec], vault: Vault) -> InVault:
    """Return what Vault has at the paths of *specs*."""
    return {path: vault.read(path) for path in sorted({spec.vault.path for spec in specs})}


def _refuse_unusable(specs: Sequence[SecretSpec], in_vault: InVault) -> None:
    for spec in specs:
        values = values_of(spec, in_vault)
        refuse_weak(spec, values)
        if values and (lacking := [spec.vault_key(field) for field in spec.FIELDS if field not in values]):
            raise InputError(
                f"of the secret {spec.name} Vault has a part only: {spec.vault.path} lacks {', '.join(lacking)}",
                cause="it was written by hand, or a key was deleted",
                next_step=f"write what is missing; or delete the rest, and it is made anew (a {spec.kind})",
            )


def _as_if_made(specs: Sequence[SecretSpec], in_vault: InVault) -> InVault:
    """Return what Vault would have, with the version numbers that the missing values would get."""
    after = dict(in_vault)
    for spec in specs:
        if not values_of(spec, in_vault):
            before = after[spec.vault.path] or NOTHING
            made = {spec.vault_key(field): Secret("to be made") for field in spec.FIELDS}
            after[spec.vault.path] = Stored({**before.values, **made}, before.version + 1)
    return after


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


def _prove(bundle: Bundle, wanted: Mapping[str, Secret], cluster: Cluster, seconds: float, listener: Listener) -> None:
    """Wait until the Secret itself is right: a status may be old, content is not. And that it is there to stay."""

    def look() -> None:
        live, sealed = cluster.get("v1", "Secret", bundle.name, bundle.namespace), sealed_in(bundle, cluster)
        if live is None:
            seen = "there is no Secret"
        elif not wanted.items() <= content_of(live).items():
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
