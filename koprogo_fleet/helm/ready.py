"""Whether a release is proven ready: asked of the cluster, object by object, and told in words where it is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.helm.compare import ObjectKey, objects
from koprogo_fleet.helm.release import Release
from koprogo_fleet.kube.client import Cluster
from koprogo_fleet.kube.status import is_true, workload_rollout

WORKLOADS = frozenset({"Deployment", "StatefulSet", "DaemonSet"})
_CRD = ("apiextensions.k8s.io/v1", "CustomResourceDefinition")
_CERTIFICATE = ("cert-manager.io/v1", "Certificate")
_WEBHOOKS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
_SHOWN = 3
_HTTPS = 443


def missing(cluster: Cluster, release: Release, manifest: str) -> str:
    """
    Return what of a release is not ready, in words; nothing where all of it is proven.

    Args:
        cluster: is asked.
        release: names what has to be seen.
        manifest: what Helm has deployed.

    Raises:
        KubernetesError: the cluster cannot be asked.
    """
    found = list(_missing(cluster, release, manifest))
    rest = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return "; ".join(found[:_SHOWN]) + rest


def missing_secrets(cluster: Cluster, release: Release) -> str:
    """Return the release's Secrets that the cluster does not have yet, in words."""
    absent = [name for name in release.secrets if cluster.get("v1", "Secret", name, release.namespace) is None]
    return f"no Secret {', '.join(absent)} in {release.namespace}" if absent else ""


def _missing(cluster: Cluster, release: Release, manifest: str) -> Iterator[str]:
    for name in release.crds:
        yield from _unless_true(cluster.get(*_CRD, name), f"CustomResourceDefinition {name}", "Established")
    for key, item in objects(manifest).items():
        if key.kind in WORKLOADS:
            yield from _workload(cluster, key, str(item["apiVersion"]), key.namespace or release.namespace)
    for name in release.ready.webhooks:
        yield from _webhook(cluster, name)
    for name in release.ready.certificates:
        certificate = cluster.get(*_CERTIFICATE, name, release.namespace)
        yield from _unless_true(certificate, f"Certificate {name}", "Ready")


def _unless_true(thing: Mapping[str, Any] | None, name: str, condition: str) -> Iterator[str]:
    if thing is None:
        yield f"there is no {name}"
        return
    good, said = is_true(thing, condition)
    if not good:
        yield f"{name} is not {condition}: {said}"


def _workload(cluster: Cluster, key: ObjectKey, api_version: str, namespace: str) -> Iterator[str]:
    workload = cluster.get(api_version, key.kind, key.name, namespace)
    if workload is None:
        yield f"there is no {key}"
        return
    good, said = workload_rollout(workload, key.kind)
    if not good:
        yield f"{key}: {said}"


def _webhook(cluster: Cluster, name: str) -> Iterator[str]:
    """Ask every Service that a webhook configuration names, as the API server will when it needs the webhook."""
    found = [config for kind in _WEBHOOKS if (config := cluster.get("admissionregistration.k8s.io/v1", kind, name))]
    if not found:
        yield f"there is no webhook configuration {name}"
    for webhook in (webhook for config in found for webhook in config.get("webhooks") or ()):
        client = webhook["clientConfig"]
        if not client.get("caBundle"):
            yield f"webhook {webhook['name']}: no authority has been put into it yet"
        elif service := client.get("service"):
            yield from _service(cluster, webhook["name"], service)


def _service(cluster: Cluster, webhook: str, service: Mapping[str, Any]) -> Iterator[str]:
    place, port, path = service["namespace"], service.get("port", _HTTPS), service.get("path", "/")
    try:
        answers, said = cluster.service_answers(place, service["name"], port, path)
    except KubernetesError as error:
        answers, said = False, error.seen
    if not answers:
        yield f"webhook {webhook} does not answer: {said}"
