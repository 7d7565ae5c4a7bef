"""Rules about each pod as a whole: what of its node it shares, and as whom it talks to Kubernetes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from koprogo_fleet.helm.policy.objects import Objects, Pods, at, listed
from koprogo_fleet.helm.policy.rule import Look, Rule

INSTANCE = "app.kubernetes.io/instance"


def _each(look: Callable[[Pods], Iterator[str]]) -> Look:
    def found(objects: Objects) -> Iterator[tuple[str, str]]:
        for pods in objects.pods:
            for seen in look(pods):
                yield pods.object, seen

    return found


def _host_namespaces(pods: Pods) -> Iterator[str]:
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if pods.spec.get(field):
            yield field


def _host_paths(pods: Pods) -> Iterator[str]:
    for volume in listed(pods.spec.get("volumes")):
        if path := at(volume, "hostPath").get("path"):
            yield f"volume {at(volume).get('name')}: hostPath {path}"


def _scratch(pods: Pods) -> Iterator[str]:
    for volume in listed(pods.spec.get("volumes")):
        if "emptyDir" in at(volume) and "sizeLimit" not in at(volume, "emptyDir"):
            yield f"volume {at(volume).get('name')}: emptyDir without sizeLimit"


def _shared_account(pods: Pods) -> Iterator[str]:
    if pods.account == "default":
        yield "it runs as the ServiceAccount default"


def _no_instance(pods: Pods) -> Iterator[str]:
    if INSTANCE not in pods.labels:
        yield f"its pods have no label {INSTANCE}"


def _idle_token(objects: Objects) -> Iterator[tuple[str, str]]:
    for pods in objects.pods:
        if _mounts_token(objects, pods) and not _is_bound(objects, pods):
            yield pods.object, f"a token of the ServiceAccount {pods.account} is mounted, which no role is bound to"


def _mounts_token(objects: Objects, pods: Pods) -> bool:
    said = pods.spec.get("automountServiceAccountToken")
    if said is None:
        for name, account in objects.of("ServiceAccount"):
            if name == f"ServiceAccount/{pods.account}" and objects.namespace_of(account) == pods.namespace:
                said = account.get("automountServiceAccountToken")
    return said is not False


def _is_bound(objects: Objects, pods: Pods) -> bool:
    for _, binding in objects.of("RoleBinding", "ClusterRoleBinding"):
        for subject in map(at, listed(binding.get("subjects"))):
            where = subject.get("namespace") or objects.namespace_of(binding)
            if (subject.get("kind"), subject.get("name"), where) == ("ServiceAccount", pods.account, pods.namespace):
                return True
    return False


RULES = (
    Rule(
        "no-host-namespaces",
        "in the node's network a pod is behind no network policy; among its processes it sees every secret",
        "remove hostNetwork, hostPID and hostIPC",
        _each(_host_namespaces),
    ),
    Rule(
        "no-host-paths",
        "a folder of the node lets a pod read its kubelet's credentials, or leave something for root to run",
        "use an emptyDir, a ConfigMap or a PersistentVolumeClaim",
        _each(_host_paths),
    ),
    Rule(
        "bounded-scratch",
        "an emptyDir without a limit fills the node's disk, and the kubelet evicts the neighbours",
        "volumes: emptyDir: sizeLimit",
        _each(_scratch),
    ),
    Rule(
        "own-service-account",
        "a right that is given to the namespace's default account is given to all its pods",
        "a ServiceAccount of the release's own, and serviceAccountName",
        _each(_shared_account),
    ),
    Rule(
        "no-idle-token",
        "a token that nobody uses is a way into the Kubernetes API for whoever breaks in",
        "automountServiceAccountToken: false; or bind the role that the program needs",
        _idle_token,
    ),
    Rule(
        "instance-label",
        "by this label a failed deployment finds its pods, to tell what they suffer from",
        f"labels: {INSTANCE}: the release's name",
        _each(_no_instance),
    ),
)
