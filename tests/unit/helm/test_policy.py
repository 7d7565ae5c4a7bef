"""The security policy: a release of which it says nothing, and each rule broken in turn."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from koprogo_fleet.helm.policy import RULES, Exemption, check, manifests_of

CLEAN = manifests_of(Path(__file__).with_name("clean_release.yaml").read_text(encoding="utf-8"))
POD = "Deployment/spec/template/spec"
CONTAINER = f"{POD}/containers/0"
SECURITY = f"{CONTAINER}/securityContext"
REMOVED = object()
PRIVILEGED = (f"{SECURITY}/privileged", True)

BREACHES: list[tuple[str, str, object]] = [
    ("not-root", f"{POD}/securityContext/runAsNonRoot", REMOVED),
    ("not-root", f"{SECURITY}/runAsUser", 0),
    ("not-root", f"{SECURITY}/runAsNonRoot", False),
    ("read-only-root", f"{SECURITY}/readOnlyRootFilesystem", REMOVED),
    ("not-privileged", *PRIVILEGED),
    ("no-escalation", f"{SECURITY}/allowPrivilegeEscalation", REMOVED),
    ("drop-capabilities", f"{SECURITY}/capabilities", None),
    ("no-added-capabilities", f"{SECURITY}/capabilities/add", ["NET_BIND_SERVICE", "SYS_ADMIN"]),
    ("seccomp", f"{POD}/securityContext/seccompProfile", REMOVED),
    ("seccomp", f"{SECURITY}/seccompProfile", {"type": "Unconfined"}),
    ("requests", f"{CONTAINER}/resources/requests/cpu", REMOVED),
    ("limits", f"{CONTAINER}/resources/limits", None),
    ("liveness-probe", f"{CONTAINER}/livenessProbe", REMOVED),
    ("readiness-probe", f"{CONTAINER}/readinessProbe", REMOVED),
    ("startup-probe", f"{CONTAINER}/startupProbe", REMOVED),
    ("pinned-image", f"{CONTAINER}/image", "registry.example.com:5000/api"),
    ("pinned-image", f"{CONTAINER}/image", "api:latest"),
    ("no-host-ports", f"{CONTAINER}/ports/0/hostPort", 80),
    ("no-plain-secrets", f"{CONTAINER}/env/0/name", "DATABASE_PASSWORD"),
    ("secrets-as-files", f"{CONTAINER}/env/0", {"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}),
    ("secrets-as-files", f"{CONTAINER}/envFrom", [{"secretRef": {"name": "s"}}]),
    ("no-host-namespaces", f"{POD}/hostNetwork", True),
    ("no-host-paths", f"{POD}/volumes/0", {"name": "root", "hostPath": {"path": "/"}}),
    ("bounded-scratch", f"{POD}/volumes/0/emptyDir", {}),
    ("own-service-account", f"{POD}/serviceAccountName", REMOVED),
    ("no-idle-token", f"{POD}/automountServiceAccountToken", REMOVED),
    ("default-deny", "NetworkPolicy/spec/policyTypes", ["Ingress"]),
    ("default-deny", "NetworkPolicy/spec/policyTypes", REMOVED),
    ("default-deny", "NetworkPolicy/metadata/namespace", "another"),
    ("default-deny", "NetworkPolicy/spec/podSelector/matchExpressions/0/operator", "NotIn"),
    ("no-open-policy", "NetworkPolicy/spec/ingress", [{}]),
    ("no-public-service", "Service/spec/type", "LoadBalancer"),
    ("no-public-service", "Service/spec/externalIPs", ["203.0.113.1"]),
    ("ingress-tls", "Ingress/spec/tls", REMOVED),
    ("ingress-tls", "Ingress/spec/rules/0/host", "other.example.com"),
    ("no-wildcard-role", "ClusterRole/rules/0/verbs", ["*"]),
    ("no-escalating-role", "ClusterRole/rules/0/verbs", ["list", "impersonate"]),
    ("no-cluster-wide-secrets", "ClusterRole/rules/0/resources", ["pods", "secrets"]),
    ("no-cluster-admin", "ClusterRoleBinding/roleRef/name", "cluster-admin"),
    ("no-shared-subjects", "ClusterRoleBinding/subjects/0/name", "default"),
    ("no-shared-subjects", "ClusterRoleBinding/subjects/0", {"kind": "Group", "name": "system:authenticated"}),
    ("no-secret-values", "Secret/stringData", {"password": "x"}),
    ("disruption-budget", "PodDisruptionBudget/spec/selector/matchLabels", {"other": "pods"}),
    ("disruption-budget", "PodDisruptionBudget/spec/selector", None),
    ("drainable", "PodDisruptionBudget/spec/minAvailable", 2),
    ("drainable", "PodDisruptionBudget/spec/maxUnavailable", 0),
    ("spread", f"{POD}/topologySpreadConstraints", []),
]
"""A rule, the place in the clean release, and what is written there instead."""


def changed(path: str, value: object) -> list[dict[str, Any]]:
    """Return the clean release with one value changed."""
    manifests: list[dict[str, Any]] = copy.deepcopy(list(map(dict, CLEAN)))
    kind, *steps = path.split("/")
    holder: Any = next(item for item in manifests if item["kind"] == kind)
    for step in steps[:-1]:
        holder = holder[int(step)] if isinstance(holder, list) else holder[step]
    last: Any = int(steps[-1]) if isinstance(holder, list) else steps[-1]
    if value is REMOVED:
        del holder[last]
    else:
        holder[last] = value
    return manifests


def broken(manifests: list[dict[str, Any]]) -> set[str]:
    """Return the rules that a release of these manifests breaks."""
    return {finding.rule.id for finding in check("api", manifests, namespace="koprogo").findings}


def test_a_clean_release_breaks_no_rule() -> None:
    """Where everything is as it should be there is no finding."""
    assert () == check("api", CLEAN, namespace="koprogo").findings


@pytest.mark.parametrize(("rule", "path", "value"), BREACHES)
def test_one_change_breaks_one_rule(rule: str, path: str, value: object) -> None:
    """Whatever is removed or changed is found by its own rule, and by no other."""
    assert {rule} == broken(changed(path, value))


def test_pods_of_another_label_break_three_rules() -> None:
    """Without the instance label it is missed, and policy and budget select the pods no more."""
    assert {"instance-label", "default-deny", "disruption-budget"} == broken(
        changed("Deployment/spec/template/metadata/labels", {})
    )


def test_every_rule_is_broken_once() -> None:
    """No rule is there that no test has seen at work; each has its own id, a reason and a way to mend."""
    ids = [rule.id for rule in RULES]

    assert set(ids) - {"instance-label"} == {rule for rule, _, _ in BREACHES}
    assert len(ids) == len(set(ids)) >= 25
    assert all(rule.why and rule.mend for rule in RULES)


def test_a_scaled_deployment_counts_as_many() -> None:
    """An autoscaler's least number counts, not the Deployment's own."""
    manifests = changed("PodDisruptionBudget/spec/minAvailable", 2)
    manifests[0]["spec"]["replicas"] = None
    scaler = {
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "api"},
        "spec": {"minReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "api"}},
    }

    assert set() == broken([*manifests, scaler])
    assert {"drainable"} == broken(manifests)


def test_one_pod_needs_no_company() -> None:
    """What has one pod needs no budget and no spread."""
    alone = [item for item in changed("Deployment/spec/replicas", 1) if item["kind"] != "PodDisruptionBudget"]
    del alone[0]["spec"]["template"]["spec"]["topologySpreadConstraints"]

    assert set() == broken(alone)


def test_a_token_that_a_role_uses_may_be_there() -> None:
    """A token is idle only where nothing is bound to its account; the account may also refuse it for all its pods."""
    with_token = changed(f"{POD}/automountServiceAccountToken", REMOVED)
    bound = copy.deepcopy(with_token)
    next(item for item in bound if item["kind"] == "ClusterRoleBinding")["subjects"][0]["name"] = "api"
    refused = copy.deepcopy(with_token)
    next(item for item in refused if item["kind"] == "ServiceAccount")["automountServiceAccountToken"] = False

    assert ({"no-idle-token"}, set(), set()) == (broken(with_token), broken(bound), broken(refused))


def _as_other_kinds() -> Iterator[tuple[str, dict[str, Any]]]:
    spec = {**changed(*PRIVILEGED)[0]["spec"], "replicas": 1}
    yield "Pod", {**spec["template"]}
    yield "Job", {"spec": {"template": spec["template"]}}
    yield "CronJob", {"spec": {"jobTemplate": {"spec": {"template": spec["template"]}}}}
    yield "StatefulSet", {"spec": spec}
    yield "DaemonSet", {"spec": {"template": spec["template"]}}
    init = copy.deepcopy(spec)
    init["template"]["spec"]["initContainers"] = init["template"]["spec"].pop("containers")
    yield "Deployment", {"spec": init}


@pytest.mark.parametrize(
    ("kind", "manifest"), list(_as_other_kinds()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_pods_are_found_in_every_kind(kind: str, manifest: dict[str, Any]) -> None:
    """A privileged container is found in whatever makes its pod, in its first containers too, and in lists of objects."""
    labels = {"app.kubernetes.io/instance": "api"}
    item = {"kind": kind, **manifest, "metadata": {"name": "other", "labels": labels}}

    others = [other for other in CLEAN[1:] if other["kind"] != "PodDisruptionBudget"]

    assert {"not-privileged"} == broken([{"kind": "List", "items": [item, *others]}])


@pytest.mark.parametrize(
    "text", ["", "---\n", "kind: Deployment", "kind: Pod\nspec:\n  containers: null\n  volumes: 1\n"]
)
def test_manifests_that_say_nothing_are_borne(text: str) -> None:
    """What a chart leaves empty, or writes in a wrong shape, is no reason to end with a traceback."""
    assert isinstance(broken(list(map(dict, manifests_of(text)))), set)


def test_an_exemption_is_told_with_its_reason() -> None:
    """What somebody has decided to live with is no finding; the decision is told, and so is one that nothing needs."""
    decided = Exemption(
        rule="not-privileged", release="api", object="Deployment/a*", reason="it mounts volumes on its node"
    )
    idle = Exemption(rule="spread", release="api", object="Deployment/api", reason="there is one node alone")
    elsewhere = idle.model_copy(update={"release": "other"})
    verdict = check("api", changed(*PRIVILEGED), [decided, idle, elsewhere], namespace="koprogo")

    assert () == verdict.findings
    assert [("container api: privileged", decided)] == [(finding.seen, item) for finding, item in verdict.exempted]
    assert (idle,) == verdict.unused


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("rule", "not-priviledged", 'did you mean "not-privileged"'),
        ("reason", "because", "at least 12"),
        ("object", "longhorn", "pattern"),
    ],
)
def test_an_exemption_needs_a_rule_an_object_and_a_reason(field: str, value: str, complaint: str) -> None:
    """A misspelt rule, an object without its kind or a word instead of a reason is refused."""
    written = {"rule": "spread", "release": "api", "object": "Deployment/api", "reason": "there is one node alone"}

    with pytest.raises(ValidationError, match=complaint):
        Exemption.model_validate({**written, field: value})
