"""Everything that is live, sealed again with the newest key; not one value changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import NotConverged
from koprogo_fleet.core.events import Note
from koprogo_fleet.secrets.sealing.certificate import SealingCertificate
from koprogo_fleet.secrets.sealing.keys import active
from koprogo_fleet.secrets.sealing.opened import Opened
from koprogo_fleet.secrets.sealing.pin import ACCEPT, Verdict
from koprogo_fleet.secrets.sealing.words import API_VERSION, KIND
from koprogo_fleet.workflows.sealing.place import Sealing
from koprogo_fleet.workflows.sealing.trust import trusted


@dataclass(frozen=True)
class ResealPlan:
    """
    What is to be sealed again.

    Attributes:
        certificate: to seal with: the controller's newest.
        old: the SealedSecrets with a value of an older key.
        left: those that are left alone, each with the reason.
    """

    certificate: SealingCertificate
    old: tuple[Opened, ...]
    left: Mapping[str, str]


def plan(here: Sealing) -> ResealPlan:
    """
    Open every live SealedSecret, and find those that need an older key.

    What a Secret holds must be what is sealed: the controller would write over what was changed by hand.

    Raises:
        NotConverged: the newest key is not trusted yet.
        KubernetesError: the cluster cannot be read, or shows an unexpected key.
    """
    trust = trusted(here.controller, here.pin)
    if trust.verdict is Verdict.NEWER:
        raise NotConverged(
            f"the controller's newest key, {trust.shown.fingerprint}, is not trusted yet", next_step=ACCEPT
        )
    look = here.look(active(here.known_keys()))
    newest = trust.shown.usable()
    old = tuple(one for one in look.sealed if one.needs - {newest.fingerprint} and str(one) not in look.wrong)
    for one in old:
        keys = ", ".join(sorted(one.needs - {newest.fingerprint}))
        here.report.differences.append(
            Difference(Operation.CHANGE, f"sealedsecret {one} key", keys, newest.fingerprint)
        )
    return ResealPlan(newest, old, look.wrong)


def reseal(here: Sealing, planned: ResealPlan) -> None:
    """
    Seal again what is planned, and prove that each Secret still holds the same.

    Raises:
        NotConverged: some were left alone; the others are done.
        KubernetesError: somebody changed one at the same moment: running it again goes on.
        WaitTimeout: the controller does not open what was sealed.
    """
    cluster = here.controller.cluster
    for one in planned.old:
        patch = one.sealed_again(planned.certificate)
        cluster.merge(API_VERSION, KIND, one.name, one.namespace, patch)
    if planned.old:
        _prove(here, planned)
        here.listener(
            Note(f"{len(planned.old)} sealed again with {planned.certificate.fingerprint}; each Secret is the same")
        )
    if planned.left:
        raise NotConverged(
            f"{len(planned.left)} SealedSecrets were left alone:\n  "
            + "\n  ".join(f"{name}: {why}" for name, why in planned.left.items()),
            cause="they are not in order by themselves",
            next_step="bring them in order (their owner seals them anew), then koprogo-fleet secrets reseal",
        )


def _prove(here: Sealing, planned: ResealPlan) -> None:
    newest = tuple(key for key in here.known_keys() if key.fingerprint == planned.certificate.fingerprint)
    here.prove_live(newest, planned.old)
