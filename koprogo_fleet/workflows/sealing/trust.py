"""Which certificate is sealed with: the one beside the inventory, held against what the cluster shows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from koprogo_fleet.core.events import Note
from koprogo_fleet.kube.sealing import SealingController
from koprogo_fleet.secrets.sealing.certificate import SealingCertificate
from koprogo_fleet.secrets.sealing.pin import ACCEPT, Verdict, judge, read_pin, unexpected, write_pin
from koprogo_fleet.secrets.sealing.words import API_VERSION, KIND, Scope

PROBE = "koprogo-fleet-probe"


@dataclass(frozen=True)
class Trust:
    """
    What was found about the certificate.

    Attributes:
        pinned: the one to seal with.
        shown: the one that the controller seals with now.
        verdict: how they compare.
    """

    pinned: SealingCertificate
    shown: SealingCertificate
    verdict: Verdict


def trusted(controller: SealingController, pin: Path) -> Trust:
    """
    Fetch the controller's certificate and hold it against the one in the file *pin*; the first one is written there.

    A newer one is not sealed with before a person accepts it. The older one still is: the controller has to prove by
    opening a value sealed with it that it still has its key, and so that it is the same controller.

    Raises:
        KubernetesError: it is an unexpected one, or does not open that value.
        FileProblems: the file holds no certificate.
    """
    shown, pinned = SealingCertificate.parse(controller.certificate()), read_pin(pin)
    verdict = judge(pinned, shown)
    if pinned is None:
        write_pin(pin, shown.usable())
        controller.listener(
            Note(f"trusted from now on: the sealing key {shown.fingerprint}, kept in {pin}; put it into Git")
        )
        return Trust(shown, shown, verdict)
    if verdict is Verdict.NEWER:
        if not continues(controller, pinned):
            raise unexpected(pinned, shown, "it is newer, and the controller does not have the former key any more")
        controller.listener(
            Note(
                f"the controller has a newer key, {shown.fingerprint}, since {shown.begins:%Y-%m-%d}; it still opens what "
                f"{pinned.fingerprint} seals. Accept it: {ACCEPT}"
            )
        )
    return Trust(pinned, shown, verdict)


def continues(controller: SealingController, pinned: SealingCertificate) -> bool:
    """Say whether the controller opens what is sealed with *pinned*: only who has its key can."""
    metadata = {"namespace": controller.namespace, "name": PROBE}
    block = pinned.usable().seal(b"", controller.namespace, PROBE, Scope.STRICT)
    probe = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": metadata,
        "spec": {"encryptedData": {"probe": block}, "template": {"metadata": metadata}},
    }
    return controller.opens(probe)
