"""Whether a slot answers as it must: asked at its own Service, and at that of the release which sends to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.helm.blue_green import ACTIVE, SLOT, slot_name
from koprogo_fleet.helm.compare import objects
from koprogo_fleet.helm.release import Release, SlotTest
from koprogo_fleet.helm.smoke import Answer, NoAnswer, SmokeTest, troubles
from koprogo_fleet.kube.client import Cluster


def slot_troubles(cluster: Cluster, release: Release, manifest: str) -> str:
    """
    Return what is wrong with a slot, or with the release that sends to one, in words; nothing where it has none.

    Args:
        cluster: is asked, and asks the Service: nothing has to be reachable from here.
        release: a slot, or one that sends to a slot.
        manifest: what Helm has deployed.

    Raises:
        KubernetesError: the cluster cannot be asked.
    """
    active = release.values.get(ACTIVE)
    if release.blue_green is None or not (active or release.values.get(SLOT)):
        return ""
    services = [item for key, item in objects(manifest).items() if key.kind == "Service"]
    if not services:
        return "the chart has no Service: nothing can be asked, and nothing switched"
    service = services[0]
    if active and (wrong := _sends_elsewhere(cluster, release, service["metadata"]["name"], active)):
        return wrong
    return "; ".join(
        f"{service['metadata']['name']}{test.path}: {trouble}"
        for test in release.blue_green.smoke
        for trouble in troubles(SmokeTest(**dict(test)), _ask(cluster, release.namespace, service, test))
    )


def _sends_elsewhere(cluster: Cluster, release: Release, service: str, slot: str) -> str:
    """Compare where a Service sends with the slot's pods: a new selector takes a moment to have an effect."""
    endpoints = cluster.get("v1", "Endpoints", service, release.namespace) or {}
    targets = {name for subset in endpoints.get("subsets") or () for name in _pods(subset)}
    labels = {"app.kubernetes.io/instance": [slot_name(release, slot)]}
    pods = {pod["metadata"]["name"] for pod in cluster.all_of("v1", "Pod", release.namespace, labels)}
    if not targets:
        return f"Service {service} sends to nobody yet"
    others = sorted(targets - pods)
    return f"Service {service} still sends to {', '.join(others)}, not of slot {slot}" if others else ""


def _pods(subset: Mapping[str, Any]) -> list[str]:
    return [item["targetRef"]["name"] for item in subset.get("addresses") or () if "targetRef" in item]


def _ask(cluster: Cluster, namespace: str, service: Mapping[str, Any], test: SlotTest) -> Answer | NoAnswer:
    port = service["spec"]["ports"][0]
    try:
        said = cluster.service_says(namespace, service["metadata"]["name"], port.get("name") or port["port"], test.path)
    except KubernetesError as error:
        return NoAnswer(error.seen)
    return Answer(*said)
