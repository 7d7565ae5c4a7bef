"""How each secret is: in Vault, sealed, in the cluster; its age, and the rotation that is open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.kube import Cluster
from koprogo_fleet.secrets import history, push
from koprogo_fleet.secrets.bundle import (
    VERSION_ANNOTATION,
    Bundle,
    InVault,
    annotation,
    bundles,
    cluster_differences,
    fields_in,
)
from koprogo_fleet.secrets.due import has_aged, in_window, is_due
from koprogo_fleet.secrets.files import FileState, SealedFiles
from koprogo_fleet.secrets.kinds import BY_NAME
from koprogo_fleet.secrets.kinds.lifetime import lifetime_of
from koprogo_fleet.secrets.rotation.holder import is_dead
from koprogo_fleet.secrets.rotation.record import Closed, Record, Records, Store
from koprogo_fleet.secrets.seal import certificate_fingerprint
from koprogo_fleet.secrets.sealing.words import API_VERSION, KEY_ANNOTATION, KIND
from koprogo_fleet.secrets.spec import SecretSpec
from koprogo_fleet.secrets.weak import why_weak
from koprogo_fleet.vault import Stored, Vault


@dataclass(frozen=True)
class Kept:
    """
    A secret as Vault shows it.

    Attributes:
        stored: the newest version at its path; None where nothing is there.
        since: since when it has had this value.
        age: since then.
        due: it is older than its policy allows.
        open: the window of its policy is open now.
        record: of the rotation that is open.
        closed: how the last one ended.
    """

    spec: SecretSpec
    stored: Stored | None
    since: datetime | None
    age: timedelta | None
    due: bool
    open: bool
    record: Record | None
    closed: Closed | None

    @property
    def there(self) -> bool:
        """Vault has it, whole."""
        return len(fields_in(self.spec, self.stored)) == len(self.spec.FIELDS)


@dataclass(frozen=True)
class Sealed:
    """
    A Secret of the cluster.

    Attributes:
        secret: namespace and name, with a slash.
        versions: in Vault that its sealed form was made from; empty where there is none.
        key: fingerprint of the key that it was sealed for.
        key_is_old: the controller seals with another one by now.
        differences: of the cluster from what Vault has, and of the file in git from the cluster.
        file: how that file is; None where secrets.yaml wants none.
    """

    secret: str
    versions: str
    key: str
    key_is_old: bool
    differences: tuple[str, ...]
    file: FileState | None = None


@dataclass(frozen=True)
class State:
    """
    How one secret is.

    Attributes:
        sealed: the Secrets that hold it.
        rotation: the one that is open, in words; empty where none is.
        problems: what is not as it should be, in words.
    """

    kept: Kept
    sealed: tuple[Sealed, ...]
    rotation: str
    problems: tuple[str, ...]


def kept(specs: Sequence[SecretSpec], vault: Store, folder: str, now: datetime) -> tuple[Kept, ...]:
    """
    Look at Vault alone.

    Raises:
        VaultError: it cannot be read.
    """
    records = Records(vault, folder)
    return tuple(_kept(spec, vault, records, now) for spec in specs)


def look(  # noqa: PLR0913, PLR0917 - three stores, and what they are asked about
    specs: Sequence[SecretSpec],
    vault: Vault,
    cluster: Cluster,
    folder: str,
    now: datetime,
    files: SealedFiles | None = None,
) -> tuple[State, ...]:
    """
    Look at Vault, the files in git and the cluster, and say what is not as it should be.

    Raises:
        VaultError, GitError, KubernetesError: one of them cannot be read.
    """
    in_vault = push.read(specs, vault)
    current = _current_key(cluster)
    sealed = [(bundle, _sealed(bundle, in_vault, cluster, current, files)) for bundle in bundles(specs)]
    return tuple(
        _state(found, tuple(one for bundle, one in sealed if bundle.holds(found.spec)), now)
        for found in kept(specs, vault, folder, now)
    )


def _kept(spec: SecretSpec, vault: Store, records: Records, now: datetime) -> Kept:
    stored, found = vault.read(spec.vault.path), records.read(spec.name)
    there = stored is not None and bool(fields_in(spec, stored))
    since = history.since(vault, spec, stored, found.closed) if there and stored is not None else None
    age = now - since if since is not None else None
    policy = spec.rotation
    return Kept(
        spec,
        stored if there else None,
        since,
        age,
        is_due(policy, age) or has_aged(lifetime_of(BY_NAME[spec.kind], fields_in(spec, stored)), now),
        in_window(policy.window, now),
        found.record,
        found.closed,
    )


def _current_key(cluster: Cluster) -> str:
    try:
        return certificate_fingerprint(cluster.sealing_certificate())
    except KubernetesError:  # no controller: the differences tell of what is missing
        return ""


def _sealed(bundle: Bundle, in_vault: InVault, cluster: Cluster, current: str, files: SealedFiles | None) -> Sealed:
    live = cluster.secret(bundle.namespace, bundle.name)
    sealed = cluster.get(API_VERSION, KIND, bundle.name, bundle.namespace)
    key = annotation(sealed, KEY_ANNOTATION) if sealed else ""
    differences = [str(item) for item in cluster_differences(bundle, in_vault, live, sealed)]
    file = files.state(bundle.secret, sealed) if files else None
    if files is not None and file is not FileState.SAME:
        differences.append(f"file {files.shown(bundle.secret)}: {file}")
    return Sealed(
        str(bundle),
        annotation(sealed, VERSION_ANNOTATION) if sealed else "",
        key,
        bool(key and current and key != current),
        tuple(differences),
        file,
    )


def _state(found: Kept, sealed: tuple[Sealed, ...], now: datetime) -> State:
    problems = [difference for one in sealed for difference in one.differences]
    if not found.there:
        problems.append("Vault has none" if found.stored is None else "Vault has a part of it only")
    values = fields_in(found.spec, found.stored)
    problems += [
        f"its {field} is weak: {reason}"
        for field in found.spec.CHOSEN
        if field in values and (reason := why_weak(values[field].reveal()))
    ]
    if found.due:
        problems.append("it is older than its policy allows")
    return State(found, sealed, _rotation(found.record, now), tuple(problems))


def _rotation(record: Record | None, now: datetime) -> str:
    if record is None:
        return ""
    text = f"{record.direction}, {record.stage}"
    if record.overlap_ends is not None and now < record.overlap_ends:
        text += f", overlap until {record.overlap_ends:%Y-%m-%d %H:%M} UTC"
    if record.holder is not None:
        what = "interrupted" if is_dead(record.holder, now) else "by"
        text += f", {what} {record.holder}"
    return f"{text}: {record.reason}" if record.reason else text
