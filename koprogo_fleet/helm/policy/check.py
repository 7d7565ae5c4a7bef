"""Rendered manifests against all rules. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from koprogo_fleet.helm.policy.exemption import Exemption
from koprogo_fleet.helm.policy.objects import Manifest, Objects
from koprogo_fleet.helm.policy.rule import Finding
from koprogo_fleet.helm.policy.rules import RULES


@dataclass(frozen=True)
class Verdict:
    """
    What the rules say of a release.

    Attributes:
        findings: breaches that nobody has decided to live with.
        exempted: the others, each with the decision.
        unused: the release's exemptions that nothing needs any more.
    """

    findings: tuple[Finding, ...]
    exempted: tuple[tuple[Finding, Exemption], ...]
    unused: tuple[Exemption, ...]


def check(
    release: str, manifests: Sequence[Manifest], exemptions: Sequence[Exemption] = (), *, namespace: str = ""
) -> Verdict:
    """
    Return what the rules say of a release's *manifests*, which live in *namespace* where they do not say otherwise.

    Exemptions of other releases are passed over.
    """
    objects = Objects(manifests, namespace)
    found = [Finding(rule, release, name, seen) for rule in RULES for name, seen in rule.look(objects)]
    decided = {finding: next((item for item in exemptions if item.covers(finding)), None) for finding in found}
    exempted = tuple((finding, item) for finding, item in decided.items() if item is not None)
    used = [item for item in exemptions if any(item.covers(finding) for finding in found)]
    return Verdict(
        tuple(finding for finding, item in decided.items() if item is None),
        exempted,
        tuple(item for item in exemptions if item.release == release and item not in used),
    )
