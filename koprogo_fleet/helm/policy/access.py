"""Rules about rights in the Kubernetes API, and about secrets in manifests."""

from __future__ import annotations

from collections.abc import Iterator

from koprogo_fleet.helm.policy.objects import Objects, at, listed
from koprogo_fleet.helm.policy.rule import Rule

ESCALATING_VERBS = frozenset({"bind", "escalate", "impersonate"})
READING_VERBS = frozenset({"*", "get", "list", "watch"})
EVERYBODY = frozenset({"system:anonymous", "system:authenticated", "system:serviceaccounts", "system:unauthenticated"})
BINDINGS = ("RoleBinding", "ClusterRoleBinding")


def _wildcards(objects: Objects) -> Iterator[tuple[str, str]]:
    for name, role in objects.of("Role", "ClusterRole"):
        for rule in map(at, listed(role.get("rules"))):
            for field in ("apiGroups", "resources", "verbs"):
                if "*" in listed(rule.get(field)):
                    yield name, f"{field} has *"


def _escalations(objects: Objects) -> Iterator[tuple[str, str]]:
    for name, role in objects.of("Role", "ClusterRole"):
        for rule in map(at, listed(role.get("rules"))):
            if verbs := sorted(ESCALATING_VERBS & set(listed(rule.get("verbs")))):
                yield name, f"verbs has {', '.join(verbs)}"


def _all_secrets(objects: Objects) -> Iterator[tuple[str, str]]:
    for name, role in objects.of("ClusterRole"):
        for rule in map(at, listed(role.get("rules"))):
            resources = {"secrets", "*"} & set(listed(rule.get("resources")))
            core = {"", "*"} & set(listed(rule.get("apiGroups")))
            reads = READING_VERBS & set(listed(rule.get("verbs")))
            if resources and core and reads and not rule.get("resourceNames"):
                yield name, "it may read the Secrets of all namespaces"


def _cluster_admins(objects: Objects) -> Iterator[tuple[str, str]]:
    for name, binding in objects.of(*BINDINGS):
        if at(binding, "roleRef").get("name") == "cluster-admin":
            yield name, "it binds cluster-admin"


def _bound_to_many(objects: Objects) -> Iterator[tuple[str, str]]:
    for name, binding in objects.of(*BINDINGS):
        for subject in map(at, listed(binding.get("subjects"))):
            who = subject.get("name")
            if who in EVERYBODY or (subject.get("kind"), who) == ("ServiceAccount", "default"):
                yield name, f"it binds a role to {who}"


def _secret_values(objects: Objects) -> Iterator[tuple[str, str]]:
    for name, secret in objects.of("Secret"):
        if keys := sorted({*at(secret, "data"), *at(secret, "stringData")}):
            yield name, f"it holds values: {', '.join(map(str, keys))}"


RULES = (
    Rule(
        "no-wildcard-role",
        "a * also gives what the next version of Kubernetes, or the next CustomResourceDefinition, brings",
        "name the groups, resources and verbs that the program uses",
        _wildcards,
    ),
    Rule(
        "no-escalating-role",
        "who may bind, escalate or impersonate can give itself every other right",
        "remove these verbs",
        _escalations,
    ),
    Rule(
        "no-cluster-wide-secrets",
        "one such pod is enough to read every password of the cluster",
        "a Role in each namespace concerned, or resourceNames",
        _all_secrets,
    ),
    Rule(
        "no-cluster-admin",
        "the program could delete the cluster, and so could whoever breaks into it",
        "a role of its own with what it needs",
        _cluster_admins,
    ),
    Rule(
        "no-shared-subjects",
        "a role for everybody, or for a namespace's default account, is one for pods that nobody thought of",
        "bind the ServiceAccount of the one program",
        _bound_to_many,
    ),
    Rule(
        "no-secret-values",
        "a Secret that a chart writes is in Helm's record, and comes from values that are in Git",
        "let secrets.yaml make the Secret, and give the chart its name",
        _secret_values,
    ),
)
