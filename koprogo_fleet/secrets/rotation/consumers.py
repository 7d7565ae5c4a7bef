"""The consumers of a secret: made anew one after the other, and each proven to run with the new value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from koprogo_fleet.core.errors import KubernetesError, ProofFailed, WaitTimeout
from koprogo_fleet.core.events import Listener, Note, ignore
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.kube import Cluster, PodStatus, pod_status
from koprogo_fleet.secrets.spec import Consumer, SecretSpec

APPS = "apps/v1"
SLOT = "koprogo.io/slot"
"""Of a workload that a deployment by slots has made beside a consumer, as the chart koprogo-api labels it."""
SLOTS = ("blue", "green")
ANNOTATION = "secret.fleet.koprogo.io/{name}"
"""Of a pod template, and so of each pod that was made from it: the version in Vault that the secret had then."""


def roll(cluster: Cluster, spec: SecretSpec, version: int, listener: Listener = ignore) -> None:
    """
    Have the consumers of *spec* make their pods anew, in order, and prove that all that are ready have *version*.

    The Secret must hold that version: a pod reads it when it is made. A consumer that has been rolled is only proven.
    Its slots are consumers, too, as soon as a pod of them is available.

    Args:
        cluster: where they are.
        spec: names them.
        version: of the secret's path in Vault.
        listener: told of each.

    Raises:
        ProofFailed: a consumer is not there, or does not come up in its seconds; tells why not.
        KubernetesError: the cluster does not answer.
    """
    for consumer in (workload for named in spec.consumers for workload in _with_slots(cluster, named)):
        annotation = ANNOTATION.format(name=spec.name)
        workload = _workload(cluster, consumer)
        if _template_annotations(workload).get(annotation) != str(version):
            patch = {"spec": {"template": {"metadata": {"annotations": {annotation: str(version)}}}}}
            cluster.merge(APPS, consumer.kind, consumer.name, consumer.namespace, patch)
        _prove(cluster, consumer, annotation, str(version), listener)
        listener(Note(f"{consumer} runs with {spec.name} of version {version}"))


def _with_slots(cluster: Cluster, consumer: Consumer) -> Iterator[Consumer]:
    yield consumer
    for found in cluster.all_of(APPS, consumer.kind, consumer.namespace, {SLOT: SLOTS}):
        name = found["metadata"]["name"]
        is_slot = name == f"{consumer.name}-{found['metadata']['labels'][SLOT]}"
        if is_slot and found.get("status", {}).get("availableReplicas"):
            yield consumer.model_copy(update={"name": name})


def _workload(cluster: Cluster, consumer: Consumer) -> Mapping[str, Any]:
    found = cluster.get(APPS, consumer.kind, consumer.name, consumer.namespace)
    if found is None:
        raise ProofFailed(
            f"there is no {consumer}, which secrets.yaml names as a consumer",
            cause="it is not installed yet, or has another name",
            next_step=f"kubectl --namespace {consumer.namespace} get {consumer.kind.lower()}s",
        )
    return found


def _template_annotations(workload: Mapping[str, Any]) -> Mapping[str, str]:
    return workload["spec"]["template"].get("metadata", {}).get("annotations") or {}


def _prove(cluster: Cluster, consumer: Consumer, annotation: str, version: str, listener: Listener) -> None:
    def look() -> None:
        complete, seen = cluster.rollout_complete(consumer.namespace, consumer.name, consumer.kind)
        pods = _pods(cluster, consumer)
        if not complete:
            raise NotYet("; ".join([seen, *_reasons(pods, annotation, version)]))
        if former := [pod.name for pod in pods if pod.ready and pod.annotations.get(annotation) != version]:
            raise NotYet(f"{', '.join(former)}: made with the former value")
        _ask(cluster, consumer, pods)

    try:
        wait_for(
            f"{consumer} with the new value",
            look,
            seconds=consumer.seconds,
            interval=0.5,
            listener=listener,
        )
    except WaitTimeout as error:
        raise ProofFailed(
            f"{consumer} did not come up with it within {consumer.seconds} s: {error.last_observation}",
            cause="it does not accept the new value, or its pods cannot start at all",
            next_step=f"kubectl --namespace {consumer.namespace} describe {consumer.kind.lower()} {consumer.name}",
        ) from error


def _pods(cluster: Cluster, consumer: Consumer) -> tuple[PodStatus, ...]:
    selector = _workload(cluster, consumer)["spec"]["selector"]
    labels = {key: [value] for key, value in (selector.get("matchLabels") or {}).items()}
    return tuple(pod_status(pod) for pod in cluster.all_of("v1", "Pod", consumer.namespace, labels))


def _reasons(pods: tuple[PodStatus, ...], annotation: str, version: str) -> list[str]:
    return [
        f"{pod.name}: {pod.why_not}"
        for pod in pods
        if not pod.ready and pod.why_not and pod.annotations.get(annotation) == version
    ]


def _ask(cluster: Cluster, consumer: Consumer, pods: tuple[PodStatus, ...]) -> None:
    if (probe := consumer.probe) is None:
        return
    for pod in (pod for pod in pods if pod.ready):
        try:
            status = cluster.ask_pod(consumer.namespace, pod.name, probe.port, probe.path)
        except KubernetesError as error:
            raise NotYet(error.seen) from error
        if status != probe.status:
            raise NotYet(f"{pod.name} answers {probe.path} on port {probe.port} with {status}, not {probe.status}")
