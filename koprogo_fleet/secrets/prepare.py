"""What each Secret needs: sealed anew, or taken from its file; written to its file before the cluster gets it."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.events import Listener, Note, ignore
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.kube import Cluster, content_of
from koprogo_fleet.secrets.bundle import Bundle, InVault, cluster_differences, left_alone
from koprogo_fleet.secrets.files import SealedFiles
from koprogo_fleet.secrets.seal import certificate_fingerprint
from koprogo_fleet.secrets.sealed_file import as_written, is_usable
from koprogo_fleet.secrets.sealing.words import API_VERSION, KIND


@dataclass(frozen=True)
class Prepared:
    """
    What a Secret needs.

    Attributes:
        differences: of the file and the cluster.
        manifest: the SealedSecret to apply; None where the cluster is right.
        content: what the Secret has to hold then.
    """

    differences: tuple[Difference, ...]
    manifest: Mapping[str, Any] | None
    content: Mapping[str, Secret]


def differences(
    bundle: Bundle, in_vault: InVault, cluster: Cluster | None, listener: Listener = ignore
) -> tuple[Difference, ...]:
    """Return how a Secret and its SealedSecret differ from Vault; tell what is in it that nobody here asked for."""
    live = cluster.secret(*bundle.secret) if cluster else None
    sealed = sealed_in(bundle, cluster) if cluster else None
    if left := left_alone(bundle, live):
        listener(
            Note(f"the Secret {bundle} also holds {', '.join(left)}, which secrets.yaml does not name: left alone")
        )
    return tuple(cluster_differences(bundle, in_vault, live, sealed))


def prepared(  # noqa: PLR0913, PLR0917 - three stores, and how to go about it
    bundle: Bundle,
    in_vault: InVault,
    cluster: Cluster,
    certificate: Callable[[], str],
    files: SealedFiles | None,
    listener: Listener,
) -> Prepared:
    """Seal what differs, and have its file be the same; the cluster is not changed yet."""
    sealed = sealed_in(bundle, cluster)  # before the Secret: what the controller has looked at, it has made by then
    found = differences(bundle, in_vault, cluster, listener)
    if not found and files is None:
        return Prepared((), None, {})
    manifest, left = None, dict[str, Secret]()
    if found:
        before = (sealed or {}).get("spec", {}).get("encryptedData") or {}
        left = dict(_left(bundle, cluster, before))
        manifest = _from_file(bundle, in_vault, certificate(), left, files, sealed) or bundle.manifest(
            in_vault, certificate(), left=left, sealed_before=before
        )
    if files is not None:
        wanted = manifest or as_written(sealed or {})
        found = (*_file_differences(bundle, in_vault, files, right=files.read(bundle.secret) == wanted), *found)
        files.put([wanted])
    return Prepared(found, manifest, {**left, **bundle.values(in_vault)})


def _from_file(  # noqa: PLR0913, PLR0917 - all that it depends on
    bundle: Bundle,
    in_vault: InVault,
    certificate: str,
    left: Mapping[str, Secret],
    files: SealedFiles | None,
    sealed: Mapping[str, Any] | None,
) -> Mapping[str, Any] | None:
    """Return what a killed run, or another cluster's, has sealed for the same: nothing is sealed twice."""
    written = files.read(bundle.secret) if files else None
    fingerprint = certificate_fingerprint(certificate)
    usable = written is not None and is_usable(
        written, bundle, in_vault, beside=left, fingerprint=fingerprint, live=sealed
    )
    return written if usable else None


def planned_file(
    bundle: Bundle, in_vault: InVault, cluster: Cluster | None, files: SealedFiles, *, differs: bool
) -> tuple[Difference, ...]:
    """Return how a Secret's file differs from what it will be; *differs*: the Secret will be sealed, anew or as in the file."""
    written = files.read(bundle.secret)
    sealed = sealed_in(bundle, cluster) if cluster else None
    if differs or sealed is None:
        left = left_alone(bundle, cluster.secret(*bundle.secret) if cluster else None)
        right = written is not None and is_usable(written, bundle, in_vault, beside=left, fingerprint=None, live=sealed)
    else:
        right = written == as_written(sealed)
    return _file_differences(bundle, in_vault, files, right=right)


def _file_differences(bundle: Bundle, in_vault: InVault, files: SealedFiles, *, right: bool) -> tuple[Difference, ...]:
    """Tell how the file differs from what it should be; also that it is not committed yet."""
    what, versions = f"file {files.shown(bundle.secret)}", bundle.versions(in_vault)
    if files.read(bundle.secret) is None:
        return (Difference(Operation.CREATE, what, new=f"from vault {versions}"),)
    if not right:
        return (Difference(Operation.CHANGE, what, new=f"from vault {versions}"),)
    if files.commits and files.tree.uncommitted([files.path(bundle.secret)]):
        return (Difference(Operation.CHANGE, what, "not committed", "committed"),)
    return ()


def sealed_in(bundle: Bundle, cluster: Cluster) -> Mapping[str, Any] | None:
    """Return the SealedSecret in the cluster, if there is one."""
    return cluster.get(API_VERSION, KIND, bundle.name, bundle.namespace)


def _left(bundle: Bundle, cluster: Cluster, sealed: Mapping[str, str]) -> Mapping[str, Secret]:
    """
    Return what the live Secret holds beside, so that sealing it anew does not delete it.

    Raises:
        InputError: it is nothing that can be sealed: going on would delete it.
    """
    found = cluster.get("v1", "Secret", bundle.name, bundle.namespace) or {}
    left = left_alone(bundle, content_of(found))
    for key in left.keys() - sealed.keys():
        try:
            base64.b64decode(found["data"][key]).decode()
        except UnicodeDecodeError:
            raise InputError(
                f"the Secret {bundle} holds the key {key}, which secrets.yaml does not name and which is not text",
                cause="somebody put it there; sealing the Secret anew would delete it",
                next_step=f"move it into a Secret of its own: kubectl --namespace {bundle.namespace} edit secret "
                f"{bundle.name}",
            ) from None
    return left
