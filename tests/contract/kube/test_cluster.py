"""The Kubernetes adapter against a real API server."""

from __future__ import annotations

import base64
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from sealing_controller import Api, expose, serving

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.core.fleet import Role
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.kube import Cluster, NodeStatus
from koprogo_fleet.lab.openbao.tls import Authority

PEM = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"


@pytest.fixture
def cluster(kubernetes: Path) -> Iterator[Cluster]:
    """Yield a client of the API server."""
    with Cluster.from_file(kubernetes) as cluster:
        yield cluster


@pytest.fixture
def kubeconfig(kubernetes: Path) -> dict[str, Any]:
    """Return the content of the kubeconfig."""
    content: dict[str, Any] = yaml.safe_load(kubernetes.read_text())
    return content


@pytest.fixture
def namespace() -> str:
    """Return the name of a namespace that does not exist yet."""
    return f"test-{uuid4().hex[:12]}"


def config_map(namespace: str, **data: str) -> dict[str, Any]:
    """Return a ConfigMap called ``settings``."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"namespace": namespace, "name": "settings"},
        "data": data,
    }


def test_ready(cluster: Cluster) -> None:
    """A healthy API server is ready."""
    assert cluster.readiness() == (True, "ok")
    assert cluster.ready()


def test_not_ready(kubeconfig: dict[str, Any]) -> None:
    """Where nothing answers, it is not ready: said at once, without an error."""
    with Cluster(kubeconfig, f"https://127.0.0.1:{closed_port()}") as cluster:
        ready, seen = cluster.readiness()

        assert not ready
        assert "Connection refused" in seen
        assert not cluster.ready()


def test_apply_makes_the_namespace(cluster: Cluster, namespace: str) -> None:
    """An object in a namespace that does not exist is applied all the same."""
    applied = cluster.apply(config_map(namespace, a="1"))

    assert applied["data"] == {"a": "1"}
    assert cluster.get("v1", "Namespace", namespace) is not None


def test_apply_again(cluster: Cluster, namespace: str) -> None:
    """Applying the same again changes nothing, not even the object's version."""
    first = cluster.apply(config_map(namespace, a="1"))

    assert cluster.apply(config_map(namespace, a="1")) == first


def test_apply_owns_its_fields(cluster: Cluster, namespace: str) -> None:
    """Our fields become what the manifest says, whoever wrote them, and what it no longer names is gone."""
    cluster.apply(config_map(namespace, a="1", b="1"))
    cluster.apply(config_map(namespace, a="2", c="2"), field_manager="somebody")

    assert cluster.apply(config_map(namespace, a="3"))["data"] == {"a": "3", "c": "2"}


def test_unknown_fields_reach_the_server(cluster: Cluster, namespace: str) -> None:
    """A manifest is sent as it is: what this program's libraries do not know is the server's to judge."""
    manifest = {**config_map(namespace, a="1"), "immutable": True, "binaryData": {"x": "AAE="}}

    applied = cluster.apply(manifest)

    assert applied["immutable"] is True
    assert applied["binaryData"] == {"x": "AAE="}


def test_invalid_object(cluster: Cluster, namespace: str) -> None:
    """What the server finds invalid is told in its own words."""
    with pytest.raises(KubernetesError, match=r"apply configmap .*/settings: 422: .*a valid config key") as caught:
        cluster.apply(config_map(namespace, **{"not a key": "1"}))

    assert caught.value.next_step == "mend the field that is named"


def test_custom_kind(cluster: Cluster, namespace: str) -> None:
    """A kind that no library knows works as soon as the cluster knows it, and not before."""
    widget = {
        "apiVersion": "example.org/v1",
        "kind": "Widget",
        "metadata": {"namespace": namespace, "name": "one"},
        "spec": {"size": 3},
    }
    assert not cluster.serves("example.org/v1", "Widget")
    assert cluster.get("example.org/v1", "Widget", "one", namespace) is None
    with pytest.raises(KubernetesError, match=r"does not know the kind Widget of example\.org/v1"):
        cluster.apply(widget)

    cluster.apply(widget_definition())
    wait_until(lambda: cluster.serves("example.org/v1", "Widget"))
    cluster.apply(widget)

    found = cluster.get("example.org/v1", "Widget", "one", namespace)
    assert found is not None
    assert found["spec"] == {"size": 3}
    assert "example.org/v1" in cluster.api_versions()


def test_get_nothing(cluster: Cluster, namespace: str) -> None:
    """Absent is None: the object, its namespace, or its kind."""
    assert cluster.get("v1", "ConfigMap", "none", "default") is None
    assert cluster.get("v1", "ConfigMap", "none", namespace) is None
    assert cluster.get("example.net/v9", "None", "none", "default") is None


def test_delete(cluster: Cluster, namespace: str) -> None:
    """Deleting twice is deleting."""
    cluster.apply(config_map(namespace, a="1"))

    cluster.delete("v1", "ConfigMap", "settings", namespace)
    cluster.delete("v1", "ConfigMap", "settings", namespace)
    cluster.delete("example.net/v9", "None", "none", namespace)

    assert cluster.get("v1", "ConfigMap", "settings", namespace) is None


def test_secret(cluster: Cluster, namespace: str) -> None:
    """A Secret's content comes decoded and unreadable by accident; bytes that are not text equal no text."""
    data = {"text": "é\n\0".encode(), "empty": b"", "bytes": b"\xff\xfe"}
    cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"namespace": namespace, "name": "s"},
            "data": {key: base64.b64encode(value).decode() for key, value in data.items()},
        }
    )

    found = cluster.secret(namespace, "s")

    assert found is not None
    assert found["text"] == Secret("é\n\0")
    assert found["empty"] == Secret("")
    assert found["bytes"] != Secret("ÿþ")
    assert "é" not in repr(found)
    assert cluster.secret(namespace, "none") is None


def test_nodes(cluster: Cluster) -> None:
    """Nodes come sorted, with what matters of each."""
    for name, labels in (("w-1", {}), ("cp-1", {"node-role.kubernetes.io/control-plane": ""})):
        cluster.apply({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}})
    try:
        found = cluster.nodes()
    finally:
        for name in ("w-1", "cp-1"):
            cluster.delete("v1", "Node", name)

    assert found == (
        NodeStatus("cp-1", ready=False, role=Role.SERVER, version="", internal_ip="", unschedulable=False),
        NodeStatus("w-1", ready=False, role=Role.AGENT, version="", internal_ip="", unschedulable=False),
    )


def test_rollout(cluster: Cluster, namespace: str) -> None:
    """A Deployment whose pods nobody runs is not complete, and says how far it is; one of none is."""
    assert cluster.rollout_complete(namespace, "web") == (False, "there is no such Deployment")

    cluster.apply(deployment(namespace, replicas=2))
    wait_until(lambda: cluster.rollout_complete(namespace, "web") == (False, "0 of 2 pods are available"))

    cluster.apply(deployment(namespace, replicas=0))
    wait_until(lambda: cluster.rollout_complete(namespace, "web") == (True, "0 of 0 pods are available"))


def test_api_versions(cluster: Cluster) -> None:
    """Core and groups are both there, as Helm names them."""
    assert {"v1", "apps/v1", "autoscaling/v1"} <= cluster.api_versions()


def test_sealing_certificate(kubernetes: Path, cluster: Cluster, namespace: str) -> None:
    """The certificate comes through the API server's proxy, from whatever the Service leads to."""
    with serving(PEM.encode()) as (address, port):
        expose(Api(kubernetes), namespace, "sealing", address, port)

        assert cluster.sealing_certificate(namespace, "sealing") == PEM


def test_sealing_certificate_of_another_program(kubernetes: Path, cluster: Cluster, namespace: str) -> None:
    """What is no certificate is not sealed with."""
    with serving(b"<html>welcome</html>") as (address, port):
        expose(Api(kubernetes), namespace, "sealing", address, port)

        with pytest.raises(KubernetesError, match="is not a certificate"):
            cluster.sealing_certificate(namespace, "sealing")


def test_no_controller(cluster: Cluster, namespace: str) -> None:
    """A controller that is not installed is named as the cause."""
    with pytest.raises(KubernetesError, match=f"no Service {namespace}/sealing") as caught:
        cluster.sealing_certificate(namespace, "sealing")

    assert "not installed" in (caught.value.cause or "")


def test_controller_without_pods(kubeconfig: dict[str, Any], cluster: Cluster, namespace: str) -> None:
    """A Service with nothing behind it is told in the server's words."""
    port = {"name": "http", "port": 8080, "protocol": "TCP"}
    metadata = {"namespace": namespace, "name": "sealing"}
    cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"ports": [port]}})

    with (
        Cluster(kubeconfig, patience=0) as impatient,
        pytest.raises(KubernetesError, match=r"get the sealing certificate: (404|503): [^{]*sealing"),
    ):
        impatient.sealing_certificate(namespace, "sealing")


def test_wrong_token(kubeconfig: dict[str, Any]) -> None:
    """A credential of another cluster is refused, and is not in the error."""
    kubeconfig["users"][0]["user"] = {"token": "of-another-cluster"}
    with Cluster(kubeconfig) as cluster, pytest.raises(KubernetesError, match="401") as caught:
        cluster.secret("default", "s")

    assert "another cluster" in (caught.value.cause or "")
    assert "of-another-cluster" not in f"{caught.value} {caught.value.__cause__}"


def test_other_authority(kubeconfig: dict[str, Any], tmp_path: Path) -> None:
    """A server that the kubeconfig's authority did not certify gets no credential, and is not asked twice."""
    other = Authority(tmp_path)
    other.issue_server_certificate()
    kubeconfig["clusters"][0]["cluster"]["certificate-authority"] = str(other.certificate_path)
    with Cluster(kubeconfig, patience=60) as cluster, pytest.raises(KubernetesError, match="CERTIFICATE_VERIFY_FAILED"):
        cluster.nodes()


def test_no_server(kubeconfig: dict[str, Any]) -> None:
    """Where nothing listens, the error names the address, the cause and the next command."""
    server = f"https://127.0.0.1:{closed_port()}"
    with Cluster(kubeconfig, server, patience=0.3) as cluster, pytest.raises(KubernetesError, match=server) as caught:
        cluster.nodes()

    assert caught.value.next_step == "koprogo-fleet k3s status"


def test_server_override(kubeconfig: dict[str, Any]) -> None:
    """The tunnel's address is used instead of the one in the kubeconfig, which stays as it was."""
    real = kubeconfig["clusters"][0]["cluster"]["server"]
    kubeconfig["clusters"][0]["cluster"]["server"] = "https://10.0.0.11:6443"
    with Cluster(kubeconfig, real) as cluster:
        assert cluster.ready()

    assert kubeconfig["clusters"][0]["cluster"]["server"] == "https://10.0.0.11:6443"


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"clusters": [], "contexts": [], "users": []},
        {"clusters": [{"name": "a"}], "contexts": [], "users": [], "current-context": "a"},
        {
            "clusters": [{"name": "a", "cluster": {"server": "https://x", "certificate-authority-data": "%%"}}],
            "users": [{"name": "a", "user": {"token": "t"}}],
            "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
            "current-context": "a",
        },
    ],
)
def test_broken_kubeconfig(broken: dict[str, Any]) -> None:
    """A kubeconfig that cannot be used is an explained error."""
    with pytest.raises(KubernetesError, match="kubeconfig cannot be used"):
        Cluster(broken)


def test_missing_kubeconfig(tmp_path: Path) -> None:
    """Without a kubeconfig, the next step is to provision."""
    with pytest.raises(KubernetesError, match="cannot read the kubeconfig") as caught:
        Cluster.from_file(tmp_path / "none")

    assert caught.value.next_step == "koprogo-fleet provision"


def wait_until(true: Callable[[], bool]) -> None:
    """Wait until *true* says so."""

    def look() -> None:
        if not true():
            raise NotYet("false")

    wait_for("the condition", look, seconds=20, interval=0.1)


def closed_port() -> int:
    """Return a port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def deployment(namespace: str, replicas: int) -> dict[str, Any]:
    """Return a Deployment called ``web``."""
    labels = {"app": "web"}
    containers = [{"name": "web", "image": "web"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"namespace": namespace, "name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }


def widget_definition() -> dict[str, Any]:
    """Return a custom resource definition."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.org"},
        "spec": {
            "group": "example.org",
            "names": {"kind": "Widget", "plural": "widgets"},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }
