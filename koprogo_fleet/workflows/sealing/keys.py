"""The controller's keys: shown, backed up, renewed, retired, and restored into a controller that lost them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError, NotConverged
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.secrets.sealing.backup import back_up, lacking, stored_keys
from koprogo_fleet.secrets.sealing.certificate import SealingCertificate
from koprogo_fleet.secrets.sealing.keys import KEY_LABEL, SealingKey, State, active, in_order, make_key, read_keys
from koprogo_fleet.secrets.sealing.pin import read_pin, write_pin
from koprogo_fleet.workflows.sealing.place import Sealing
from koprogo_fleet.workflows.sealing.trust import continues


@dataclass(frozen=True)
class KeyStatus:
    """
    One key.

    Attributes:
        name: of its Secret; empty for one that only Vault has.
        is_newest: the controller seals with it.
        in_vault: it is backed up as it is.
        in_cluster: the controller can have it.
        secrets: how many live SealedSecrets need it.
    """

    name: str
    fingerprint: str
    state: State
    begins: datetime
    ends: datetime
    is_newest: bool
    in_vault: bool
    in_cluster: bool
    secrets: int

    @property
    def age_days(self) -> int:
        """Whole days since it was made."""
        return (datetime.now(UTC) - self.begins).days


@dataclass(frozen=True)
class SealingStatus:
    """
    All keys, and what they open.

    Attributes:
        shown: the fingerprint that the controller seals with.
        pinned: the trusted one; empty where none is yet.
        sealed: how many live SealedSecrets there are.
        wrong: those that are not in order, each with the reason.
        older: how many need another key than the newest.
    """

    keys: tuple[KeyStatus, ...]
    shown: str
    pinned: str
    sealed: int
    wrong: Mapping[str, str]
    older: int

    @property
    def healthy(self) -> bool:
        """Every key is in Vault, the trusted certificate is the newest, and every SealedSecret is in order."""
        return not self.wrong and self.pinned == self.shown and all(key.in_vault for key in self.keys)


def status(here: Sealing) -> SealingStatus:
    """
    Look at the keys in the cluster and in Vault, and open every live SealedSecret in memory.

    Raises:
        KubernetesError, VaultError: one of them cannot be read.
    """
    keys = here.known_keys()
    stored = stored_keys(here.vault, here.path)
    look = here.look(keys)
    needed = Counter(fingerprint for one in look.sealed for fingerprint in one.needs)
    pinned, shown, missing = read_pin(here.pin), here.certificate().fingerprint, lacking(stored, keys)
    present = {key.fingerprint for key in keys}
    only_stored = [key for key in stored if key.fingerprint not in present]
    found = [
        KeyStatus(
            key.name,
            key.fingerprint,
            key.state,
            key.certificate.begins,
            key.certificate.ends,
            is_newest=key.fingerprint == shown,
            in_vault=key not in missing,
            in_cluster=key.fingerprint in present,
            secrets=needed[key.fingerprint],
        )
        for key in (*keys, *only_stored)
    ]
    older = sum(bool(one.needs - {shown}) for one in look.sealed)
    return SealingStatus(tuple(found), shown, pinned.fingerprint if pinned else "", len(look.sealed), look.wrong, older)


def unsaved(here: Sealing) -> tuple[SealingKey, ...]:
    """Return the keys in the cluster that Vault lacks, or has otherwise; each is a difference of the report."""
    missing = lacking(stored_keys(here.vault, here.path), here.known_keys())
    here.report.differences += [_stored(here, key) for key in missing]
    return missing


def backup(here: Sealing) -> None:
    """
    Put every key into Vault that it lacks, then read all of them back and compare.

    Raises:
        VaultError: it cannot be written, or gives something else back.
    """
    missing = unsaved(here)
    version = back_up(here.vault, here.path, here.known_keys())
    here.listener(
        Note(
            f"{len(missing) or 'no'} new keys; all are in Vault, read back: {here.vault.mount}/{here.path}, version {version}"
        )
    )


def renewal(here: Sealing) -> SealingKey:
    """Return the key that is to be the newest: one that an interrupted renewal has left in Vault, else a new one."""
    keys = here.known_keys()
    newest = keys[0]
    present = {key.fingerprint for key in keys}
    begun = [
        key
        for key in active(stored_keys(here.vault, here.path))
        if key.fingerprint not in present and key.certificate.begins > newest.certificate.begins
    ]
    key = begun[0] if begun else make_key(here.controller.namespace, newest)
    here.report.differences.append(
        Difference(Operation.CHANGE, "sealing key", newest.fingerprint, key.fingerprint if begun else "a new one")
    )
    return key


def renew(here: Sealing, key: SealingKey) -> None:
    """
    Have the controller seal with *key*, see :func:`renewal`: Vault first, then the cluster; it is trusted from then on.

    Raises:
        WaitTimeout: the controller does not take it.
        VaultError, KubernetesError: one of them refused.
    """
    former = here.certificate()
    back_up(here.vault, here.path, (*here.known_keys(), key))
    here.listener(Note(f"in Vault, read back: {key}"))
    here.controller.cluster.apply(key.manifest())
    here.restarted()
    write_pin(here.pin, here.wait_for_certificate(key.fingerprint))
    here.listener(
        Note(
            f"the controller seals with {key.fingerprint}, trusted in {here.pin}; what {former.fingerprint} has sealed still "
            "opens. Seal it again: koprogo-fleet secrets reseal"
        )
    )


def acceptance(here: Sealing) -> tuple[SealingCertificate, bool] | None:
    """
    Return the certificate that would be trusted instead, and whether the controller proves that it has the former key.

    None where it is trusted already.
    """
    shown, pinned = here.certificate().usable(), read_pin(here.pin)
    if pinned is not None and pinned.fingerprint == shown.fingerprint:
        return None
    old = pinned.fingerprint if pinned else ""
    operation = Operation.CHANGE if pinned else Operation.CREATE
    here.report.differences.append(
        Difference(operation, f"trusted sealing key in {here.pin.name}", old, shown.fingerprint)
    )
    return shown, pinned is not None and continues(here.controller, pinned)


def retirement(here: Sealing, wanted: str) -> SealingKey | None:
    """
    Return the key to retire, once nothing needs it any more; None where the controller has done without it already.

    Args:
        here: the cluster.
        wanted: its name or fingerprint.

    Raises:
        InputError: there is no such key.
        NotConverged: it is the newest, a SealedSecret needs it or is not in order, or Vault lacks it.
    """
    keys = here.known_keys()
    found = [key for key in keys if wanted in {key.name, key.fingerprint}]
    if not found:
        raise InputError(
            f"there is no sealing key {wanted}", next_step=f"one of these: {', '.join(key.name for key in keys)}"
        )
    key = found[0]
    if key.fingerprint == here.certificate().fingerprint:
        raise NotConverged(
            f"{key} is the key that the controller seals with",
            next_step="koprogo-fleet secrets keys renew, then koprogo-fleet secrets reseal",
        )
    look = here.look(tuple(other for other in active(keys) if other.fingerprint != key.fingerprint))
    if look.wrong:
        raise NotConverged(
            f"{len(look.wrong)} of {len(look.sealed)} SealedSecrets are not in order without {key}:\n  "
            + "\n  ".join(f"{name}: {why}" for name, why in look.wrong.items()),
            cause="they were sealed with it, or were never opened",
            next_step="koprogo-fleet secrets reseal",
        )
    stored = stored_keys(here.vault, here.path)
    if all(lacking(stored, [replace(key, state=state)]) for state in State):
        raise NotConverged(f"Vault does not have {key}", next_step="koprogo-fleet secrets keys backup")
    if key.state is State.RETIRED and not continues(here.controller, key.certificate):
        return None
    here.report.differences.append(Difference(Operation.CHANGE, f"sealing key {key.name}", State.ACTIVE, State.RETIRED))
    return key


def retire(here: Sealing, key: SealingKey) -> None:
    """
    Take a key away from the controller, see :func:`retirement`; its Secret and its backup stay.

    It is proven that the controller opens nothing any more that the key seals, and everything else.

    Raises:
        WaitTimeout: it does not come to that.
    """
    labels = {"metadata": {"labels": {KEY_LABEL: str(State.RETIRED)}}}
    here.controller.cluster.merge("v1", "Secret", key.name, key.namespace, labels)
    back_up(here.vault, here.path, [replace(key, state=State.RETIRED)])
    here.restarted()

    def once() -> None:
        if continues(here.controller, key.certificate):
            raise NotYet("it does")

    wait_for(
        f"the controller opens nothing any more that {key.name} seals",
        once,
        seconds=here.seconds,
        listener=here.listener,
        cause="it reads its keys at its start only, and was not restarted",
        next_step=f"kubectl --namespace {here.controller.namespace} rollout restart deployment",
    )
    here.prove_live(active(here.known_keys()))
    here.listener(Note(f"retired: {key}; Vault keeps it, for what is in old commits and old backups"))


def restoration(here: Sealing) -> tuple[SealingKey, ...]:
    """
    Return the keys in Vault that the cluster lacks.

    Raises:
        NotConverged: Vault has none at all.
    """
    stored = stored_keys(here.vault, here.path)
    if not stored:
        raise NotConverged(
            f"Vault has no sealing keys at {here.vault.mount}/{here.path}",
            cause="they were never backed up, or into another Vault",
            next_step="koprogo-fleet secrets keys backup, while the cluster still has them",
        )
    present = read_keys(here.controller.cluster, here.controller.namespace)  # none at all is what it is for
    missing = lacking(present, stored)
    here.report.differences += [
        Difference(Operation.CREATE, f"sealing key {key.name}", new=key.fingerprint) for key in missing
    ]
    return missing


def restore(here: Sealing, missing: tuple[SealingKey, ...]) -> None:
    """
    Put keys back into the cluster, see :func:`restoration`, and prove that every SealedSecret opens.

    Raises:
        WaitTimeout: one does not.
    """
    for key in missing:
        here.controller.cluster.apply(key.manifest())
        here.listener(Note(f"restored: {key}"))
    if missing:
        here.restarted()
    keys = in_order(here.known_keys())
    here.wait_for_certificate(keys[0].fingerprint)
    here.prove_live(active(keys))


def _stored(here: Sealing, key: SealingKey) -> Difference:
    return Difference(Operation.CREATE, f"vault {here.path} {key.name}", new=key.fingerprint)
