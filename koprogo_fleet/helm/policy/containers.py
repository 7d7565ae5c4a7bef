"""Rules about each container: what it may do on its node, what it may use of it, and how it tells that it is well."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from koprogo_fleet.helm.policy.objects import Container, Objects, at, listed
from koprogo_fleet.helm.policy.rule import Look, Rule

HARMLESS_CAPABILITIES = frozenset({"NET_BIND_SERVICE"})
"""What Pod Security's level "restricted" allows to be added."""

SECRET_WORD = re.compile(r"(^|_)(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|PRIVATE_?KEY|CREDENTIALS?)(_|$)", re.IGNORECASE)
NAME_OF_A_PLACE = re.compile(r"_(FILE|PATH|DIR|NAME|URL|MOUNT)$", re.IGNORECASE)


def each(look: Callable[[Container], Iterator[str]]) -> Look:
    """Return what asks *look* about every container."""

    def found(objects: Objects) -> Iterator[tuple[str, str]]:
        for pods in objects.pods:
            for container in pods.containers:
                for seen in look(container):
                    yield pods.object, f"container {container.name}: {seen}"

    return found


def _serving(look: Callable[[Container], Iterator[str]]) -> Look:
    def found(objects: Objects) -> Iterator[tuple[str, str]]:
        for pods in objects.pods:
            for container in pods.serving:
                for seen in look(container):
                    yield pods.object, f"container {container.name}: {seen}"

    return found


def _root(container: Container) -> Iterator[str]:
    if container.security("runAsNonRoot") is not True:
        yield "runAsNonRoot is not true"
    if container.security("runAsUser") == 0:
        yield "runAsUser is 0"


def _own(field: str, wanted: bool) -> Look:  # noqa: FBT001 - what the field must say
    def look(container: Container) -> Iterator[str]:
        if at(container.spec, "securityContext").get(field) is not wanted:
            yield f"{field} is not {str(wanted).lower()}"

    return each(look)


def _privileged(container: Container) -> Iterator[str]:
    if at(container.spec, "securityContext").get("privileged"):
        yield "privileged"


def _kept_capabilities(container: Container) -> Iterator[str]:
    if "ALL" not in listed(at(container.spec, "securityContext", "capabilities").get("drop")):
        yield "capabilities.drop lacks ALL"


def _added_capabilities(container: Container) -> Iterator[str]:
    added = listed(at(container.spec, "securityContext", "capabilities").get("add"))
    if more := [str(name) for name in added if name not in HARMLESS_CAPABILITIES]:
        yield f"capabilities.add has {', '.join(more)}"


def _seccomp(container: Container) -> Iterator[str]:
    kind = at(container.security("seccompProfile")).get("type")
    if kind not in {"RuntimeDefault", "Localhost"}:
        yield f"seccompProfile is {kind or 'not set'}"


def _resources(part: str) -> Look:
    def look(container: Container) -> Iterator[str]:
        given = at(container.spec, "resources", part)
        if missing := [name for name in ("cpu", "memory") if name not in given]:
            yield f"resources.{part} has no {' and no '.join(missing)}"

    return each(look)


def _probe(name: str) -> Look:
    def look(container: Container) -> Iterator[str]:
        if not at(container.spec, name):
            yield f"no {name}"

    return _serving(look)


def _image(container: Container) -> Iterator[str]:
    image = str(container.spec.get("image") or "")
    if "@sha256:" in image:
        return
    tag = image.rpartition("/")[2].partition(":")[2]
    if tag in {"", "latest"}:
        yield f"image {image or 'not set'} has {'the tag latest' if tag else 'no tag'}"


def _host_ports(container: Container) -> Iterator[str]:
    for port in listed(container.spec.get("ports")):
        if number := at(port).get("hostPort"):
            yield f"hostPort {number}"


def _variables(container: Container) -> Iterator[Mapping[str, object]]:
    return (at(variable) for variable in listed(container.spec.get("env")))


def _plain_secrets(container: Container) -> Iterator[str]:
    for variable in _variables(container):
        name = str(variable.get("name"))
        if variable.get("value") and SECRET_WORD.search(name) and not NAME_OF_A_PLACE.search(name):
            yield f"the variable {name} has its value in the manifest"


def _secret_variables(container: Container) -> Iterator[str]:
    for variable in _variables(container):
        if secret := at(variable, "valueFrom", "secretKeyRef").get("name"):
            yield f"the variable {variable.get('name')} is from the Secret {secret}"
    for source in listed(container.spec.get("envFrom")):
        if secret := at(source, "secretRef").get("name"):
            yield f"variables are from the Secret {secret}"


RULES = (
    Rule(
        "not-root",
        "who breaks out of a container that runs as root is root on the node",
        "securityContext: runAsNonRoot: true, and a runAsUser other than 0",
        each(_root),
    ),
    Rule(
        "read-only-root",
        "what cannot be written cannot be replaced by an intruder's own programs",
        "securityContext: readOnlyRootFilesystem: true, and an emptyDir where it has to write",
        _own("readOnlyRootFilesystem", wanted=True),
    ),
    Rule(
        "not-privileged",
        "a privileged container has all of the node: its devices, its kernel, every other pod",
        "securityContext: remove privileged, name the one capability that is needed",
        each(_privileged),
    ),
    Rule(
        "no-escalation",
        "without it a set-uid program gives more rights than the container was started with",
        "securityContext: allowPrivilegeEscalation: false",
        _own("allowPrivilegeEscalation", wanted=False),
    ),
    Rule(
        "drop-capabilities",
        "the runtime's default set allows raw sockets, other owners of files, and more that services do not need",
        "securityContext: capabilities: drop: [ALL]",
        each(_kept_capabilities),
    ),
    Rule(
        "no-added-capabilities",
        "NET_ADMIN, SYS_ADMIN and their like are nearly as much as root on the node",
        "securityContext: capabilities: remove add, but for NET_BIND_SERVICE",
        each(_added_capabilities),
    ),
    Rule(
        "seccomp",
        "the runtime's profile closes the system calls that most break-outs begin with",
        "securityContext: seccompProfile: type: RuntimeDefault",
        each(_seccomp),
    ),
    Rule(
        "requests",
        "without them the scheduler fills a node beyond what it has, and the autoscaler has nothing to compare with",
        "resources: requests: cpu and memory",
        _resources("requests"),
    ),
    Rule(
        "limits",
        "one container that grows without end takes its node's other pods with it",
        "resources: limits: cpu and memory",
        _resources("limits"),
    ),
    Rule(
        "liveness-probe",
        "a process that hangs is only restarted where somebody asks it",
        "livenessProbe: what fails only when a restart helps",
        _probe("livenessProbe"),
    ),
    Rule(
        "readiness-probe",
        "without it requests are sent to a pod that cannot answer yet, on every upgrade",
        "readinessProbe: what succeeds once it can answer",
        _probe("readinessProbe"),
    ),
    Rule(
        "startup-probe",
        "without it a slow start is taken for a hang, and restarted for ever",
        "startupProbe: the liveness probe's question, with as many tries as a start may take",
        _probe("startupProbe"),
    ),
    Rule(
        "pinned-image",
        "with latest nobody knows what runs, two nodes may run two versions, and a rollback changes nothing",
        "image: a tag that never moves, or better a digest (@sha256:...)",
        each(_image),
    ),
    Rule(
        "no-host-ports",
        "a port of the node bypasses network policies, and only one such pod fits on a node",
        "ports: remove hostPort, and use a Service",
        each(_host_ports),
    ),
    Rule(
        "no-plain-secrets",
        "a value in a manifest is in Git, in Helm's record of the release and in every plan",
        "keep it in Vault, name it in secrets.yaml, and mount the Secret",
        each(_plain_secrets),
    ),
    Rule(
        "secrets-as-files",
        "variables end up in crash reports and child processes, and do not change when a secret is rotated",
        "mount the Secret as a volume, and give the program the file's path",
        each(_secret_variables),
    ),
)
