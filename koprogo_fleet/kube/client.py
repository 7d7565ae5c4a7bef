"""One cluster, through its API server."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

import httpx2
import tenacity
import yaml
from lightkube import Client, KubeConfig
from lightkube.config.client_adapter import Client as HttpClient
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import SingleConfig
from lightkube.exceptions import ConfigError
from lightkube.types import PatchType

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.kube.drain import Pod, pod_of
from koprogo_fleet.kube.errors import explained, is_temporary, message_of, refusal, status_of
from koprogo_fleet.kube.kinds import Kinds, plural_of
from koprogo_fleet.kube.longhorn import LONGHORN_VERSIONS, LonghornVolume, longhorn_volume
from koprogo_fleet.kube.status import NodeStatus, node_status, rollout

FIELD_MANAGER = "koprogo-fleet"
PEM_START = "-----BEGIN CERTIFICATE-----"

T = TypeVar("T")


class Cluster:
    """
    A Kubernetes cluster.

    Each call has a timeout, and is repeated while the API server is unwell: all of them may be done twice. What still
    fails then raises :class:`~koprogo_fleet.core.errors.KubernetesError`.

    Args:
        kubeconfig: its content, with the credentials in it.
        server: address to use instead of the one in it (a tunnel: ``https://127.0.0.1:<port>``).
        timeout: seconds for one call.
        patience: seconds for which a call is repeated.
    """

    def __init__(
        self,
        kubeconfig: Mapping[str, Any],
        server: str | None = None,
        *,
        timeout: float = 10.0,
        patience: float = 20.0,
    ) -> None:
        # No proxy and no authority of the environment: the kubeconfig says it all.
        parameters = ConnectionParams(timeout=httpx2.Timeout(timeout), trust_env=False)
        try:
            config = _configuration(kubeconfig, server)
            self.server = config.cluster.server
            self._client = Client(config, timeout=parameters.timeout, trust_env=False)
            self._http = HttpClient(config, parameters)
        except (ConfigError, LookupError, TypeError, ValueError, OSError) as error:
            raise KubernetesError(
                f"the kubeconfig cannot be used: {type(error).__name__}: {error}",
                cause="it was written by hand, or cut short",
                next_step="koprogo-fleet provision: it fetches the kubeconfig again",
            ) from error
        self._kinds = Kinds(self._discover)
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_temporary),
            stop=tenacity.stop_after_delay(patience),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=3),
            reraise=True,
        )

    @classmethod
    def from_file(cls, kubeconfig: Path, server: str | None = None) -> Self:
        """
        Read the kubeconfig from a file.

        Raises:
            KubernetesError: it is missing, or is not YAML.
        """
        try:
            return cls(yaml.safe_load(kubeconfig.read_text(encoding="utf-8")), server)
        except (OSError, yaml.YAMLError) as error:
            raise KubernetesError(
                f"cannot read the kubeconfig {kubeconfig}: {error}",
                cause="the cluster was not provisioned from this machine",
                next_step="koprogo-fleet provision",
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._http.close()

    def ready(self) -> bool:
        """Say whether the API server and what it needs (etcd) are ready; asks once, and never raises."""
        return self.readiness()[0]

    def readiness(self) -> tuple[bool, str]:
        """Say whether the API server is ready, and what is not; asks once, and never raises."""
        try:
            answer = self._http.get("/readyz")
        except httpx2.HTTPError as error:
            return False, str(explained(error, self.server, "readyz"))
        if answer.status_code == HTTPStatus.OK:
            return True, "ok"
        failed = [line for line in answer.text.splitlines() if line.startswith("[-]")]
        return False, f"{answer.status_code}: {'; '.join(failed) or answer.text.strip()}"

    def nodes(self) -> tuple[NodeStatus, ...]:
        """Return the nodes, in the order of their names."""
        kind = self._kinds.need("v1", "Node")
        found = self._call("list the nodes", lambda: list(self._client.list(kind)))
        return tuple(sorted(map(node_status, found), key=lambda node: node.name))

    def serves(self, api_version: str, kind: str) -> bool:
        """Say whether the cluster knows a kind."""
        return self._kinds.find(api_version, kind) is not None

    def get(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> dict[str, Any] | None:
        """Return an object as JSON, or None if there is none: neither the object, nor its namespace or kind."""
        resource = self._kinds.find(api_version, kind)
        if resource is None:
            return None
        return self._call_or_none(
            f"get {_named(kind, namespace, name)}",
            lambda: dict(self._client.get(resource, name, **_in(namespace))),
        )

    def all_of(
        self,
        api_version: str,
        kind: str,
        namespace: str | None = None,
        labels: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> tuple[dict[str, Any], ...]:
        """
        Return the objects of a namespaced kind as JSON; none where the cluster does not know the kind.

        Args:
            api_version: of their kind.
            kind: what they are.
            namespace: where; everywhere unless given.
            labels: the values of which each label has one.
        """
        resource = self._kinds.find(api_version, kind)
        if resource is None:
            return ()
        found = self._call(
            f"list {kind.lower()}s",
            lambda: list(self._client.list(resource, namespace=namespace or "*", labels=dict(labels))),
        )
        return tuple(dict(item) for item in found)

    def objects(self, api_version: str, kind: str, labels: str = "") -> tuple[dict[str, Any], ...]:
        """Return all objects of a kind, of all namespaces, that have *labels* (a selector); none where it is unknown."""
        path = self._list_path(api_version, kind, labels)
        return () if path is None else tuple(self._json(path)["items"] or ())

    def metadata(self, api_version: str, kind: str, labels: str = "") -> tuple[dict[str, Any], ...]:
        """Return the same objects without what is in them: their ``metadata`` alone."""
        path = self._list_path(api_version, kind, labels)
        if path is None:
            return ()
        headers = {"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
        answer = self._call(f"get {path}", lambda: self._http.get(path, headers=headers).raise_for_status())
        return tuple(answer.json()["items"] or ())  # null where there is none

    def put_label(self, api_version: str, kind: str, name: str, namespace: str, label: str, value: str) -> None:  # noqa: PLR0913, PLR0917 - an object, and what it gets
        """Give an object a label; one that is gone needs none."""
        resource = self._kinds.need(api_version, kind)
        patch = {"metadata": {"labels": {label: value}}}
        self._call_or_none(
            f"label {_named(kind, namespace, name)}",
            lambda: self._client.patch(resource, name, patch, namespace=namespace, patch_type=PatchType.MERGE),
        )

    def version(self) -> str:
        """Return the release of the API server, such as ``v1.34.1+k3s1``."""
        return str(self._json("/version")["gitVersion"])

    def service_answers(self, namespace: str, service: str, port: int | str, path: str = "/") -> tuple[bool, str]:
        """
        Say whether what stands behind a Service speaks HTTPS to the API server, whatever it says, and why not.

        Raises:
            KubernetesError: the API server itself does not answer.
        """
        proxy = f"/api/v1/namespaces/{namespace}/services/https:{service}:{port}/proxy{path}"
        try:
            answer = self._http.get(proxy)
        except httpx2.HTTPError as error:
            raise explained(error, self.server, f"ask service {namespace}/{service}") from error
        if answer.status_code in {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}:
            return False, f"{answer.status_code}: {message_of(answer)}"
        if answer.status_code == HTTPStatus.NOT_FOUND and '"kind":"Status"' in answer.text:
            return False, message_of(answer)
        return True, ""

    def secret(self, namespace: str, name: str) -> Mapping[str, Secret] | None:
        """
        Return the content of a Secret, or None if there is none.

        Bytes that are not UTF-8 come escaped: such a value is only good for telling that it is a wrong one.
        """
        found = self.get("v1", "Secret", name, namespace)
        return None if found is None else content_of(found)

    def owners(self, api_version: str, kind: str, name: str, namespace: str) -> frozenset[str]:
        """Return the uids of the objects that an object belongs to: it is deleted when all of them are gone."""
        return owners_of(self.get(api_version, kind, name, namespace) or {})

    def apply(self, manifest: Mapping[str, Any], field_manager: str = FIELD_MANAGER) -> dict[str, Any]:
        """
        Create or change an object by server-side apply, and return what it is now.

        Fields that others own and the manifest names become ours. A namespace that does not exist is made.
        """
        metadata = manifest["metadata"]
        namespace = metadata.get("namespace")
        resource = self._kinds.need(manifest["apiVersion"], manifest["kind"])
        what = f"apply {_named(manifest['kind'], namespace, metadata['name'])}"

        def once() -> dict[str, Any]:
            return dict(self._client.apply(resource(manifest), field_manager=field_manager, force=True))

        if namespace is None:
            return self._call(what, once)
        if (applied := self._call_or_none(what, once)) is None:
            self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}, field_manager)
            applied = self._call(what, once)
        return applied

    def merge(self, api_version: str, kind: str, name: str, namespace: str, patch: Mapping[str, Any]) -> dict[str, Any]:
        """
        Change the fields of an object that *patch* names, and no others; None there takes a field away.

        A ``metadata.resourceVersion`` in it makes the cluster refuse the change of an object that has changed meanwhile.
        """
        resource = self._kinds.need(api_version, kind)
        what = f"change {_named(kind, namespace, name)}"

        def once() -> dict[str, Any]:
            changed = self._client.patch(
                resource, name, dict(patch), patch_type=PatchType.MERGE, field_manager=FIELD_MANAGER, **_in(namespace)
            )
            return dict(changed)

        return self._call(what, once)

    def delete(self, api_version: str, kind: str, name: str, namespace: str | None = None) -> None:
        """Delete an object; absent is fine."""
        if resource := self._kinds.find(api_version, kind):
            self._call_or_none(
                f"delete {_named(kind, namespace, name)}",
                lambda: self._client.delete(resource, name, **_in(namespace)),
            )

    def cordon(self, node: str) -> bool:
        """Let no new pod onto *node*; say whether there is such a node."""
        kind = self._kinds.need("v1", "Node")
        patch = {"spec": {"unschedulable": True}}
        return (
            self._call_or_none(
                f"cordon {node}", lambda: self._client.patch(kind, node, patch, patch_type=PatchType.MERGE)
            )
            is not None
        )

    def mark_cordoned(self, node: str, annotation: str, value: str) -> None:
        """Let no new pod onto *node*, and say in the same change, by an *annotation*, who will let them again."""
        kind = self._kinds.need("v1", "Node")
        patch = {"metadata": {"annotations": {annotation: value}}, "spec": {"unschedulable": True}}
        self._call(f"cordon {node}", lambda: self._client.patch(kind, node, patch, patch_type=PatchType.MERGE))

    def uncordon(self, node: str, annotation: str) -> None:
        """Let pods onto *node* again, and take the *annotation* away in the same change."""
        kind = self._kinds.need("v1", "Node")
        patch = {"metadata": {"annotations": {annotation: None}}, "spec": {"unschedulable": None}}
        self._call(f"uncordon {node}", lambda: self._client.patch(kind, node, patch, patch_type=PatchType.MERGE))

    def annotation(self, node: str, annotation: str) -> str:
        """Return an annotation of *node*; empty where it, or the node, is not there."""
        metadata = (self.get("v1", "Node", node) or {}).get("metadata") or {}
        return str((metadata.get("annotations") or {}).get(annotation, ""))

    def longhorn_volumes(self) -> tuple[LonghornVolume, ...] | None:
        """Return Longhorn's volumes; None where the cluster has no Longhorn."""
        for version in LONGHORN_VERSIONS:
            if (kind := self._kinds.find(version, "Volume")) is not None:
                found = self._call("list Longhorn's volumes", lambda: list(self._client.list(kind, namespace="*")))
                return tuple(map(longhorn_volume, found))
        return None

    def pods_on(self, node: str) -> tuple[Pod, ...]:
        """Return the pods that are on *node*, of all namespaces."""
        found = self._json(f"/api/v1/pods?fieldSelector=spec.nodeName%3D{node}")
        return tuple(pod_of(item) for item in found["items"])

    @property
    def eviction_version(self) -> str:
        """The version of the policy group, which evictions and budgets are of: v1 since Kubernetes 1.22."""
        return "policy/v1" if self.serves("policy/v1", "PodDisruptionBudget") else "policy/v1beta1"

    def evict(self, pod: Pod) -> str:
        """
        Ask once for a pod's eviction; return why it is not allowed now, or nothing.

        A budget that allows none is 429, several budgets for one pod are 500 (Kubernetes: API-initiated eviction).
        """
        path = f"/api/v1/namespaces/{pod.namespace}/pods/{pod.name}/eviction"
        body = {
            "apiVersion": self.eviction_version,
            "kind": "Eviction",
            "metadata": {"namespace": pod.namespace, "name": pod.name},
            "deleteOptions": {"preconditions": {"uid": pod.uid}},
        }
        try:
            self._http.post(path, json=body).raise_for_status()
        except httpx2.HTTPError as error:
            if status_of(error) in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:  # gone, or another of its name
                return ""
            told = explained(error, self.server, f"evict {pod}")
            if is_temporary(error):
                return refusal(error) or told.seen
            raise told from error
        return ""

    def rollout_complete(self, namespace: str, name: str, kind: str = "Deployment") -> tuple[bool, str]:
        """Say whether all pods of a Deployment, a StatefulSet or a DaemonSet are new and available, and how far it is."""
        workload = self.get("apps/v1", kind, name, namespace)
        return (False, f"there is no such {kind}") if workload is None else rollout({**workload, "kind": kind})

    def ask_pod(self, namespace: str, pod: str, port: int, path: str) -> int:
        """Return the HTTP status of a GET to a pod, through the API server; asks once."""
        asked = f"/api/v1/namespaces/{namespace}/pods/{pod}:{port}/proxy{path}"
        try:
            return self._http.get(asked).status_code
        except httpx2.HTTPError as error:
            raise explained(error, self.server, f"ask the pod {namespace}/{pod}") from error

    def api_versions(self) -> frozenset[str]:
        """Return every group and version that the cluster serves, such as ``v1`` and ``apps/v1``."""
        groups = self._json("/apis")["groups"]
        return frozenset(self._json("/api")["versions"]) | {
            version["groupVersion"] for group in groups for version in group["versions"]
        }

    def sealing_certificate(self, namespace: str = "kube-system", service: str = "sealed-secrets-controller") -> str:
        """
        Return the certificate (PEM) that the Sealed Secrets controller seals with now, through the API server.

        Raises:
            KubernetesError: the controller is not installed, or does not answer.
        """
        path = f"{self._proxy_of(namespace, service)}/v1/cert.pem"
        text = self._call("get the sealing certificate", lambda: self._raw(path).text)
        if PEM_START not in text:
            raise KubernetesError(
                f"what the Service {namespace}/{service} gave is not a certificate",
                cause="another program answers there",
                next_step=f"kubectl get --raw {path}",
            )
        return text

    def posted(self, namespace: str, service: str, path: str, body: object) -> tuple[int, str]:
        """
        Post JSON to a Service through the API server, once; return the status and the text of the answer, whatever they are.

        Raises:
            KubernetesError: there is no such Service, or no answer at all.
        """
        place = f"{self._proxy_of(namespace, service)}{path}"
        try:
            answer = self._http.post(place, json=body)
        except httpx2.HTTPError as error:
            raise explained(error, self.server, f"post to {namespace}/{service}{path}") from error
        return answer.status_code, answer.text

    def _proxy_of(self, namespace: str, service: str) -> str:
        found = self.get("v1", "Service", service, namespace)
        if found is None:
            raise KubernetesError(
                f"there is no Service {namespace}/{service}",
                cause="the Sealed Secrets controller is not installed, or has another name",
                next_step="kubectl get services --all-namespaces",
            )
        port = found["spec"]["ports"][0].get("name", "")  # the first one, as kubeseal does
        return f"/api/v1/namespaces/{namespace}/services/http:{service}:{port}/proxy"

    def ask_service(self, namespace: str, name: str, port: str, path: str) -> tuple[int, str]:
        """
        Ask a program behind a Service over HTTP, through the API server; return its status and its answer.

        Args:
            namespace: of the Service.
            name: of the Service.
            port: of the Service, by name or number.
            path: without the first slash, and with the query.

        Raises:
            KubernetesError: there is no such Service, or no pod of it answers.
        """
        proxy = f"/api/v1/namespaces/{namespace}/services/http:{name}:{port}/proxy"
        if self.get("v1", "Service", name, namespace) is None:
            raise KubernetesError(
                f"there is no Service {namespace}/{name}",
                cause="what it belongs to is not deployed, or has another name",
                next_step="kubectl get services --all-namespaces",
            )

        def once() -> tuple[int, str]:
            answer = self._http.get(f"{proxy}/{path}")
            if answer.is_error and _is_of_the_api_server(answer):
                answer.raise_for_status()
            return answer.status_code, answer.text

        return self._call(f"ask Service {namespace}/{name} on port {port}", once)

    def service_says(
        self, namespace: str, service: str, port: int | str, path: str
    ) -> tuple[int, Mapping[str, str], str]:
        """
        Ask what is behind a Service over HTTP once, through the API server; return status, headers and text of the answer.

        The names of the headers are in lower case. *path* begins with a slash.

        Raises:
            KubernetesError: there is no such Service, or nobody behind it answers.
        """
        try:
            answer = self._http.get(f"/api/v1/namespaces/{namespace}/services/http:{service}:{port}/proxy{path}")
            if answer.is_error and _is_of_the_api_server(answer):
                answer.raise_for_status()
        except httpx2.HTTPError as error:
            raise explained(error, self.server, f"ask Service {namespace}/{service} on port {port}") from error
        return answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.text

    def _list_path(self, api_version: str, kind: str, labels: str) -> str | None:
        resource = self._kinds.find(api_version, kind)
        if resource is None:
            return None
        base = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
        query = f"?{urlencode({'labelSelector': labels})}" if labels else ""
        return f"{base}/{plural_of(resource)}{query}"

    def _discover(self, path: str) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = self._call_or_none(f"get {path}", lambda: self._raw(path).json())
        return found

    def _json(self, path: str) -> Any:
        return self._call(f"get {path}", lambda: self._raw(path).json())

    def _raw(self, path: str) -> httpx2.Response:
        return self._http.get(path).raise_for_status()

    def _call(self, what: str, call: Callable[[], T]) -> T:
        try:
            return self._retrying(call)
        except httpx2.HTTPError as error:
            raise explained(error, self.server, what) from error

    def _call_or_none(self, what: str, call: Callable[[], T]) -> T | None:
        """Do as :meth:`_call` does, but return None where the answer is 404."""
        try:
            return self._retrying(call)
        except httpx2.HTTPError as error:
            if status_of(error) == HTTPStatus.NOT_FOUND:
                return None
            raise explained(error, self.server, what) from error


def _is_of_the_api_server(answer: httpx2.Response) -> bool:
    """Say whether an error was answered by the API server itself, not by what is behind it."""
    try:
        return bool(answer.json()["kind"] == "Status")
    except (ValueError, LookupError, TypeError):
        return False


def content_of(secret: Mapping[str, Any]) -> Mapping[str, Secret]:
    """Return the values of a Secret's manifest, as :meth:`Cluster.secret` does."""
    return {
        key: Secret(base64.b64decode(value).decode(errors="backslashreplace"))
        for key, value in (secret.get("data") or {}).items()
    }


def owners_of(manifest: Mapping[str, Any]) -> frozenset[str]:
    """Return the uids of the objects that *manifest* names as its owners."""
    metadata = manifest.get("metadata") or {}
    return frozenset(owner["uid"] for owner in metadata.get("ownerReferences") or ())


def _configuration(kubeconfig: Mapping[str, Any], server: str | None) -> SingleConfig:
    config = KubeConfig.from_dict(copy.deepcopy(dict(kubeconfig))).get()
    if config is None or config.user is None:
        raise ConfigError("it names no current context, or no user")
    if server is not None:
        config.cluster.server = server
    return config


def _named(kind: str, namespace: str | None, name: str) -> str:
    return f"{kind.lower()} {namespace}/{name}" if namespace else f"{kind.lower()} {name}"


def _in(namespace: str | None) -> dict[str, Any]:
    """Return the argument that lightkube takes for namespaced kinds only."""
    return {} if namespace is None else {"namespace": namespace}
