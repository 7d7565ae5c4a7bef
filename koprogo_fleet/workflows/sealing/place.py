"""What all work on one cluster's sealing keys needs, and how it is looked at as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.core.events import Listener, ignore
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.kube.sealing import SealingController
from koprogo_fleet.secrets.sealing.certificate import SealingCertificate
from koprogo_fleet.secrets.sealing.keys import SealingKey, active, read_keys
from koprogo_fleet.secrets.sealing.opened import Opened, opened
from koprogo_fleet.secrets.sealing.words import API_VERSION, KIND
from koprogo_fleet.vault import Vault
from koprogo_fleet.workflows.run import Report

SECONDS = 120.0
EACH = 1.0
"""Seconds more for each SealedSecret: the controller makes five calls a second at most."""

SecretName = tuple[str, str]


@dataclass(frozen=True)
class Sealing:
    """
    The sealing of one cluster.

    Attributes:
        controller: what seals and unseals there.
        vault: has the keys' backup.
        path: of that, below Vault's mount.
        pin: the file of the trusted certificate.
        listener: told of what is done.
        report: counts the differences.
        seconds: how long the controller may take.
    """

    controller: SealingController
    vault: Vault
    path: str
    pin: Path
    listener: Listener = ignore
    report: Report = field(default_factory=Report)
    seconds: float = SECONDS

    def known_keys(self) -> tuple[SealingKey, ...]:
        """
        Return the keys in the cluster, the newest active one first.

        Raises:
            KubernetesError: one cannot be read, or none is active.
        """
        found = read_keys(self.controller.cluster, self.controller.namespace)
        if not active(found):
            raise KubernetesError(
                f"the namespace {self.controller.namespace} has no active sealing key",
                cause="the Sealed Secrets controller is not installed there, or has not started yet",
                next_step=f"kubectl --namespace {self.controller.namespace} get pods; is it elsewhere? "
                "--controller-namespace",
            )
        return found

    def certificate(self) -> SealingCertificate:
        """Return the certificate that the controller shows now."""
        return SealingCertificate.parse(self.controller.certificate())

    def look(self, keys: tuple[SealingKey, ...]) -> Look:
        """Return every live SealedSecret, opened with *keys*, beside the Secrets."""
        cluster = self.controller.cluster
        sealed = cluster.all_of(API_VERSION, KIND)
        secrets = cluster.all_of("v1", "Secret") if sealed else ()
        return Look(
            tuple(opened(one, keys) for one in sealed),
            {(one["metadata"]["namespace"], one["metadata"]["name"]): one for one in secrets},
        )

    def prove_live(self, keys: tuple[SealingKey, ...], before: Sequence[Opened] = ()) -> None:
        """
        Wait until SealedSecrets open with *keys*, the controller says so, and each Secret holds what is sealed.

        Args:
            keys: those that may be needed.
            before: what was in the SealedSecrets that are looked at, and has to be in them still; without it, all are
                looked at.

        Raises:
            WaitTimeout: one does not; the first of them are named.
        """
        count = len(before) or len(self.controller.cluster.all_of(API_VERSION, KIND))

        def once() -> None:
            if wrong := self.look(keys).compared(before):
                first = "; ".join(f"{name}: {why}" for name, why in list(wrong.items())[:3])
                raise NotYet(f"{len(wrong)} of {count} SealedSecrets are not in order: {first}")

        wait_for(
            f"{count} SealedSecrets open, and their Secrets hold what is sealed",
            once,
            seconds=self.seconds + EACH * count,
            listener=self.listener,
            cause="a key is missing, or the controller does not run",
            next_step="koprogo-fleet secrets keys status",
        )

    def restarted(self) -> None:
        """
        Have the controller read its keys again, and wait until it runs.

        Raises:
            WaitTimeout: it does not.
        """

        def once() -> None:
            complete, seen = self.controller.rolled_out()
            if not complete:
                raise NotYet(seen)

        if self.controller.restart():
            wait_for(
                "the Sealed Secrets controller has been restarted",
                once,
                seconds=self.seconds,
                listener=self.listener,
                next_step=f"kubectl --namespace {self.controller.namespace} get pods",
            )

    def wait_for_certificate(self, fingerprint: str) -> SealingCertificate:
        """
        Wait until the controller seals with the key of *fingerprint*.

        Raises:
            WaitTimeout: it does not.
        """

        def once() -> SealingCertificate:
            try:
                shown = self.certificate()
            except KubernetesError as error:
                raise NotYet(error.seen) from error
            if shown.fingerprint != fingerprint:
                raise NotYet(f"it seals with {shown.fingerprint}")
            return shown

        return wait_for(
            f"the Sealed Secrets controller seals with {fingerprint}",
            once,
            seconds=self.seconds,
            listener=self.listener,
            cause="it reads its keys at its start only, and was not restarted, or prefers keys by another order",
            next_step=f"kubectl --namespace {self.controller.namespace} rollout restart deployment",
        )


@dataclass(frozen=True)
class Look:
    """Every live SealedSecret, and the Secrets by namespace and name."""

    sealed: tuple[Opened, ...]
    secrets: Mapping[SecretName, Mapping[str, Any]]

    @cached_property
    def wrong(self) -> Mapping[str, str]:
        """Why each SealedSecret that is not in order is not."""
        reasons = {str(one): one.why_not_live(self.secrets.get((one.namespace, one.name))) for one in self.sealed}
        return {name: why for name, why in reasons.items() if why}

    def compared(self, before: Sequence[Opened]) -> Mapping[str, str]:
        """Return :attr:`wrong`; where *before* names some, of those alone, and those too that hold other values now."""
        if not before:
            return self.wrong
        now = {str(one): one for one in self.sealed}
        found = {str(one): self.wrong.get(str(one)) or _changed(one, now.get(str(one))) for one in before}
        return {name: why for name, why in found.items() if why}


def _changed(before: Opened, now: Opened | None) -> str:
    if now is None:
        return "it was deleted"
    same = {key: item.value for key, item in before.items.items()} == {
        key: item.value for key, item in now.items.items()
    }
    return "" if same else "somebody has sealed other values meanwhile"
