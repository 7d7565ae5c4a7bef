"""Rendered manifests, as the rules look at them. Pure; whatever a chart left out or wrote as null reads as nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

Manifest = Mapping[str, Any]

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

SERVICE_KINDS = frozenset({"DaemonSet", "Deployment", "ReplicaSet", "ReplicationController", "StatefulSet"})
"""Kinds whose pods run until somebody ends them."""

_TEMPLATE = ("spec", "template")
_TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "CronJob": ("spec", "jobTemplate", *_TEMPLATE),
    "Job": _TEMPLATE,
    "Pod": (),
    **dict.fromkeys(SERVICE_KINDS, _TEMPLATE),
}
"""Where the pod is, in each kind that makes pods."""


def at(value: object, *steps: str) -> Manifest:
    """Return the mapping that the *steps* lead to; an empty one where there is none."""
    for step in steps:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def listed(value: object) -> Sequence[Any]:
    """Return a list as it is, and nothing for whatever else is written."""
    return value if isinstance(value, list) else ()


@dataclass(frozen=True)
class Container:
    """One container of a pod, *first* where it ends before the pod's work begins."""

    spec: Manifest
    pod: Manifest
    first: bool

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.spec.get("name"))

    def security(self, field: str) -> object:
        """Return a field of its security context, which the pod's stands in for."""
        own = at(self.spec, "securityContext").get(field)
        return own if own is not None else at(self.pod, "securityContext").get(field)


@dataclass(frozen=True)
class Pods:
    """A pod, or the template of many."""

    object: str
    kind: str
    namespace: str
    labels: Manifest
    spec: Manifest
    owner: Manifest

    @property
    def containers(self) -> tuple[Container, ...]:
        """All its containers, those that end before the others first."""
        return tuple(
            Container(at(item), self.spec, first)
            for field, first in (("initContainers", True), ("containers", False))
            for item in listed(self.spec.get(field))
        )

    @property
    def serving(self) -> tuple[Container, ...]:
        """The containers that run until somebody ends them."""
        return tuple(item for item in self.containers if not item.first) if self.kind in SERVICE_KINDS else ()

    @property
    def account(self) -> str:
        """The name of its ServiceAccount."""
        return str(self.spec.get("serviceAccountName") or self.spec.get("serviceAccount") or "default")


class Objects:
    """
    The objects of one release.

    Args:
        manifests: each of one object, or of a list of them.
        namespace: the release's, where a manifest names none.
    """

    def __init__(self, manifests: Sequence[Manifest], namespace: str) -> None:
        self._namespace = namespace
        self.all = tuple(_flat(manifests))

    def of(self, *kinds: str) -> Iterator[tuple[str, Manifest]]:
        """Yield the objects of these kinds, each after what it is called: ``Service/api``."""
        for item in self.all:
            if item.get("kind") in kinds:
                yield called(item), item

    def namespace_of(self, item: Manifest) -> str:
        """Return where an object is."""
        return str(at(item, "metadata").get("namespace") or self._namespace)

    @cached_property
    def pods(self) -> tuple[Pods, ...]:
        """Everything that makes pods."""
        return tuple(self._pods(item) for item in self.all if item.get("kind") in _TEMPLATES)

    def _pods(self, item: Manifest) -> Pods:
        kind = str(item["kind"])
        template = at(item, *_TEMPLATES[kind])
        labels, spec = at(template, "metadata", "labels"), at(template, "spec")
        return Pods(called(item), kind, self.namespace_of(item), labels, spec, item)

    def least_pods(self, pods: Pods) -> int:
        """Return how many of these pods there are at the least; 1 for what has no number."""
        if pods.kind not in SERVICE_KINDS - {"DaemonSet"}:
            return 1
        for _, scaler in self.of("HorizontalPodAutoscaler"):
            if called(at(scaler, "spec", "scaleTargetRef")) == pods.object:
                return _number(at(scaler, "spec").get("minReplicas"))
        return _number(at(pods.owner, "spec").get("replicas"))

    def selecting(self, kind: str, field: str, pods: Pods) -> Iterator[Manifest]:
        """Yield the objects of *kind* whose selector, a *field* of their spec, selects these pods."""
        for _, item in self.of(kind):
            here = self.namespace_of(item) == pods.namespace
            selector = at(item, "spec").get(field)
            if here and isinstance(selector, Mapping) and selects(selector, pods.labels):
                yield item


def manifests_of(text: str) -> tuple[Manifest, ...]:
    """Return the manifests in what Helm rendered."""
    return tuple(item for item in yaml.load_all(text, Loader=_Loader) if isinstance(item, dict))


def called(item: Manifest) -> str:
    """Return an object's kind and name: ``Service/api``. A reference to one has its name beside its kind."""
    return f"{item.get('kind')}/{at(item, 'metadata').get('name') or item.get('name')}"


def selects(selector: Manifest, labels: Manifest) -> bool:
    """Say whether a label selector fits these labels; an empty one fits all."""
    wanted = at(selector, "matchLabels").items()
    expressions = [at(item) for item in listed(selector.get("matchExpressions"))]
    return all(labels.get(key) == value for key, value in wanted) and all(
        _holds(expression, labels) for expression in expressions
    )


def _number(written: object) -> int:
    return written if isinstance(written, int) else 1


def _holds(expression: Manifest, labels: Manifest) -> bool:
    key, values = str(expression.get("key")), listed(expression.get("values"))
    match expression.get("operator"):
        case "In":
            return key in labels and labels[key] in values
        case "NotIn":
            return key not in labels or labels[key] not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def _flat(manifests: Sequence[Manifest]) -> Iterator[Manifest]:
    for item in manifests:
        if str(item.get("kind", "")).endswith("List") and "items" in item:
            yield from _flat([at(inner) for inner in listed(item["items"])])
        elif "kind" in item:
            yield item
