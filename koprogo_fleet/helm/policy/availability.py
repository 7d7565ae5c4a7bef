"""Rules about nodes that are drained, or die. They are for what has two pods or more at the least."""

from __future__ import annotations

from collections.abc import Iterator

from koprogo_fleet.helm.policy.objects import Manifest, Objects, Pods, at
from koprogo_fleet.helm.policy.rule import Rule


def _many(objects: Objects) -> Iterator[Pods]:
    return (pods for pods in objects.pods if objects.least_pods(pods) > 1)


def _no_budget(objects: Objects) -> Iterator[tuple[str, str]]:
    for pods in _many(objects):
        if not any(objects.selecting("PodDisruptionBudget", "selector", pods)):
            yield pods.object, "no PodDisruptionBudget selects its pods"


def _blocking_budgets(objects: Objects) -> Iterator[tuple[str, str]]:
    for pods in (item for item in objects.pods if item.kind != "DaemonSet"):  # a drain leaves those where they are
        for budget in objects.selecting("PodDisruptionBudget", "selector", pods):
            if _blocks(at(budget, "spec"), objects.least_pods(pods)):
                yield pods.object, "its PodDisruptionBudget never lets one of its pods go"


def _blocks(spec: Manifest, pods: int) -> bool:
    least, gone = spec.get("minAvailable"), spec.get("maxUnavailable")
    return gone in {0, "0", "0%"} or least == "100%" or (isinstance(least, int) and least >= pods > 0)


def _together(objects: Objects) -> Iterator[tuple[str, str]]:
    for pods in _many(objects):
        if not pods.spec.get("topologySpreadConstraints") and not at(pods.spec, "affinity", "podAntiAffinity"):
            yield pods.object, "neither topologySpreadConstraints nor podAntiAffinity"


RULES = (
    Rule(
        "disruption-budget",
        "without one a drain may take all pods at once",
        "a PodDisruptionBudget that selects the pods, with minAvailable: 1",
        _no_budget,
    ),
    Rule(
        "drainable",
        "a budget that allows no disruption stops every drain, and with it every upgrade of K3s",
        "minAvailable below the number of pods, or maxUnavailable: 1",
        _blocking_budgets,
    ),
    Rule(
        "spread",
        "two pods on one node are lost with it together",
        "topologySpreadConstraints by kubernetes.io/hostname",
        _together,
    ),
)
