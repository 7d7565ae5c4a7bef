"""The chart koprogo-api, rendered by the real Helm."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from kubernetes_discovery import NEW, OLD, serve_discovery

from koprogo_fleet.core.errors import HelmError
from koprogo_fleet.helm.binary import Tools
from koprogo_fleet.helm.charts import chart_directory
from koprogo_fleet.helm.client import Helm
from koprogo_fleet.helm.compare import objects
from koprogo_fleet.helm.model import Rendered
from koprogo_fleet.helm.process import run
from koprogo_fleet.helm.release import Release
from koprogo_fleet.helm.releases import load_releases

LAB = Path(__file__).parents[3] / "inventory" / "lab" / "releases.yaml"

Manifests = Mapping[str, Mapping[str, Any]]
Cluster = tuple[str, Mapping[str, tuple[str, ...]]]
"""A version of Kubernetes, and its kinds by API version."""

RenderFor = Callable[[Cluster, Mapping[str, Any]], Rendered]


def render(tools: Tools, chart: Path, values: Mapping[str, Any]) -> Manifests:
    """Return the chart's objects by kind, for the newest Kubernetes that Helm knows."""
    arguments = ["template", "koprogo-api", str(chart), "--namespace", "koprogo", "--values", "-"]
    ended = run(tools.helm, arguments, stdin=json.dumps(values), timeout=60)
    assert ended.exit_status == 0, ended.stderr
    return {key.kind: item for key, item in objects(ended.stdout).items()}


@pytest.fixture
def render_for(tools: Tools, chart: Path, release: Release, tmp_path: Path) -> RenderFor:
    """Return what renders the chart for a cluster, as a plan does."""

    def render_for_cluster(cluster: Cluster, values: Mapping[str, Any]) -> Rendered:
        with serve_discovery(tmp_path, *cluster) as kubeconfig:
            return Helm(tools, kubeconfig).render(release.model_copy(update={"values": values}), chart)

    return render_for_cluster


@pytest.fixture
def production(tools: Tools, chart: Path) -> Manifests:
    """Return the objects of the chart's own values."""
    return render(tools, chart, {})


@pytest.fixture
def lab(tools: Tools) -> Manifests:
    """Return the objects of the lab's release, out of its file."""
    (release,) = load_releases(LAB).in_order
    return render(tools, chart_directory(release, LAB), release.values)


def container(manifests: Manifests) -> Mapping[str, Any]:
    """Return the one container of the pods."""
    (only,) = manifests["Deployment"]["spec"]["template"]["spec"]["containers"]
    return only


@pytest.mark.parametrize("values", [{}, {"ingress": {"enabled": False}}, {"autoscaling": {"enabled": False}}])
def test_lint(tools: Tools, chart: Path, values: Mapping[str, Any]) -> None:
    """Helm's own linter has no complaint, not even a warning."""
    ended = run(tools.helm, ["lint", "--strict", str(chart), "--values", "-"], stdin=json.dumps(values), timeout=60)

    assert ended.exit_status == 0, ended.stdout


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        (
            ("1.20.2", OLD),
            {"HorizontalPodAutoscaler": "autoscaling/v2beta2", "PodDisruptionBudget": "policy/v1beta1"},
        ),
        (("1.34.1", NEW), {"HorizontalPodAutoscaler": "autoscaling/v2", "PodDisruptionBudget": "policy/v1"}),
    ],
)
def test_api_versions_are_the_clusters(cluster: Cluster, expected: Mapping[str, str], render_for: RenderFor) -> None:
    """Each kind is asked for in the newest API version that the cluster at hand offers."""
    found = {key.kind: item["apiVersion"] for key, item in objects(render_for(cluster, {}).manifest).items()}

    assert {kind: found[kind] for kind in expected} == expected


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"imgae": {"tag": "x"}}, "imgae"),
        ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
        ({"service": {"nodePort": 80}}, "nodePort"),
        ({"port": 80}, "port"),
        ({"runAsUser": 0}, "runAsUser"),
        ({"autoscaling": {"minReplicas": 0}}, "minReplicas"),
        ({"autoscaling": {"targetCPUUtilizationPercentage": 170}}, "targetCPUUtilizationPercentage"),
        ({"resources": {"limits": {"memory": "lots"}}}, "memory"),
        ({"secret": {"keys": ["not a key"]}}, "keys"),
        ({"healthPath": "health"}, "healthPath"),
    ],
)
def test_schema_refuses(values: Mapping[str, Any], complaint: str, render_for: RenderFor) -> None:
    """Wrong values are refused before anything is sent, with the place and what to correct."""
    with pytest.raises(HelmError, match=complaint) as error:
        render_for(("1.34.1", NEW), values)

    assert error.value.next_step == "correct `values` of this release in releases.yaml"


def test_pods_are_restricted(production: Manifests) -> None:
    """Pods meet what Pod Security calls "restricted": no root, nothing to write to, no capability, no token."""
    pod = production["Deployment"]["spec"]["template"]["spec"]

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] > 0
    assert pod["automountServiceAccountToken"] is False
    assert production["ServiceAccount"]["automountServiceAccountToken"] is False
    assert container(production)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_pods_have_limits_and_probes(production: Manifests) -> None:
    """Each pod has requests, limits (128 MB, as the seed says) and three probes of its health."""
    assert container(production)["resources"] == {
        "requests": {"cpu": "100m", "memory": "128Mi"},
        "limits": {"cpu": "1", "memory": "128Mi"},
    }
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container(production)[probe]["httpGet"] == {"path": "/health", "port": "http"}


def test_secret_is_a_file(production: Manifests) -> None:
    """The secret comes as a file that only the container's group can read, never as an environment variable."""
    pod = production["Deployment"]["spec"]["template"]["spec"]
    (volume,) = (volume for volume in pod["volumes"] if "secret" in volume)
    (mount,) = (mount for mount in container(production)["volumeMounts"] if mount["name"] == volume["name"])

    assert volume["secret"] == {
        "secretName": "koprogo-api",
        "defaultMode": 0o440,
        "items": [{"key": "DATABASE_PASSWORD", "path": "DATABASE_PASSWORD"}],
    }
    assert pod["securityContext"]["fsGroup"] == pod["securityContext"]["runAsGroup"]
    assert mount == {"name": volume["name"], "mountPath": "/run/secrets/koprogo-api", "readOnly": True}
    assert container(production)["env"] == [
        {"name": "DATABASE_PASSWORD_FILE", "value": "/run/secrets/koprogo-api/DATABASE_PASSWORD"}
    ]


def test_scales_as_the_seed_says(production: Manifests) -> None:
    """2 to 50 pods at 70 % CPU and 80 % memory; the Deployment leaves the number to the autoscaler."""
    spec = production["HorizontalPodAutoscaler"]["spec"]
    targets = {metric["resource"]["name"]: metric["resource"]["target"] for metric in spec["metrics"]}

    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 50)
    assert targets == {
        "cpu": {"type": "Utilization", "averageUtilization": 70},
        "memory": {"type": "Utilization", "averageUtilization": 80},
    }
    assert "replicas" not in production["Deployment"]["spec"]
    assert production["PodDisruptionBudget"]["spec"]["minAvailable"] == 1


def test_without_autoscaler(tools: Tools, chart: Path) -> None:
    """Switched off, there is no autoscaler, and the Deployment says how many pods."""
    manifests = render(tools, chart, {"autoscaling": {"enabled": False}, "replicaCount": 3})

    assert "HorizontalPodAutoscaler" not in manifests
    assert manifests["Deployment"]["spec"]["replicas"] == 3


def test_production_is_behind_an_ingress(production: Manifests) -> None:
    """With an ingress the service is not reachable from outside, and only the controller's namespace may call."""
    (rule,) = production["NetworkPolicy"]["spec"]["ingress"]

    assert production["Service"]["spec"]["type"] == "ClusterIP"
    assert "nodePort" not in production["Service"]["spec"]["ports"][0]
    assert production["Ingress"]["spec"]["ingressClassName"] == "traefik"
    assert rule == {
        "ports": [{"protocol": "TCP", "port": 8080}],
        "from": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "traefik"}}}],
    }


def test_lab_answers_on_the_node_port(lab: Manifests) -> None:
    """Without an ingress the service is NodePort 30080, any source may call it, and the image is never pulled."""
    (rule,) = lab["NetworkPolicy"]["spec"]["ingress"]

    assert "Ingress" not in lab
    assert lab["Service"]["spec"]["type"] == "NodePort"
    assert lab["Service"]["spec"]["ports"][0]["nodePort"] == 30080
    assert rule == {"ports": [{"protocol": "TCP", "port": 8080}]}
    assert (container(lab)["image"], container(lab)["imagePullPolicy"]) == ("koprogo-api:lab", "Never")


def test_network_policy_refuses_the_rest(production: Manifests) -> None:
    """Both directions are closed but for what is listed: DNS, and the seed's databases in this cluster."""
    spec = production["NetworkPolicy"]["spec"]
    ports = [port["port"] for rule in spec["egress"] for port in rule["ports"]]

    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert ports == [53, 53, 5432, 6379, 9000]


def test_changed_setting_rolls_the_pods(tools: Tools, chart: Path, production: Manifests) -> None:
    """A changed setting changes the pod template: Kubernetes then replaces the pods."""
    changed = render(tools, chart, {"config": {"LOG_LEVEL": "debug"}})

    assert changed["Deployment"]["spec"]["template"] != production["Deployment"]["spec"]["template"]


def test_selectors_never_change(tools: Tools, chart: Path, production: Manifests) -> None:
    """A Deployment's selector cannot be changed: it holds neither version nor values, and fits the pods' labels."""
    changed = render(tools, chart, {"image": {"tag": "other"}, "config": {}, "autoscaling": {"enabled": False}})
    deployment = production["Deployment"]["spec"]

    assert deployment["selector"] == changed["Deployment"]["spec"]["selector"]
    assert deployment["selector"]["matchLabels"].items() <= deployment["template"]["metadata"]["labels"].items()
    assert production["Service"]["spec"]["selector"] == deployment["selector"]["matchLabels"]


def test_two_slots_stand_side_by_side(tools: Tools, chart: Path) -> None:
    """A slot's release has no way in from outside; the main one sends to it once it is the active one, and back."""
    blue, green = (render(tools, chart, {"slot": slot, "ingress": {"enabled": False}}) for slot in ("blue", "green"))
    main = render(tools, chart, {"activeSlot": "green"})
    before = render(tools, chart, {})
    pods = green["Deployment"]["spec"]["template"]["metadata"]["labels"]
    others = blue["Deployment"]["spec"]["template"]["metadata"]["labels"]
    serving = main["Service"]["spec"]["selector"]

    assert "ClusterIP" == green["Service"]["spec"]["type"]
    assert "nodePort" not in green["Service"]["spec"]["ports"][0]
    assert "Ingress" not in render(tools, chart, {"slot": "green"})
    assert serving.items() <= pods.items()
    assert not serving.items() <= others.items()
    assert main["Deployment"] == before["Deployment"]
    assert green["Deployment"]["spec"]["selector"] == before["Deployment"]["spec"]["selector"]


def test_a_slot_sends_to_nobody_else(render_for: RenderFor) -> None:
    """A release that has a slot and an active one is refused, with both named."""
    with pytest.raises(HelmError, match="slot is blue and activeSlot is green"):
        render_for(("1.34.1", NEW), {"slot": "blue", "activeSlot": "green"})


def test_the_whole_namespace_can_be_closed(tools: Tools, chart: Path) -> None:
    """On demand every pod of the namespace is refused everything that no other policy allows."""
    arguments = ["template", "koprogo-api", str(chart), "--set", "networkPolicy.wholeNamespace=true"]
    found = objects(run(tools.helm, arguments, timeout=60).stdout)
    (closed,) = (item["spec"] for key, item in found.items() if key.name == "koprogo-api-nothing-else")

    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} == closed
