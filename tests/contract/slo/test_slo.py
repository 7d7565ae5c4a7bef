"""Objectives, asked of a real Prometheus: straight, by the command, and through a real API server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from koprogo_fleet.core.errors import KubernetesError, PrometheusError
from koprogo_fleet.helm.binary import find_tools
from koprogo_fleet.helm.process import run
from koprogo_fleet.kube.client import Cluster
from koprogo_fleet.slo.model import Objective, PrometheusService, load_objectives
from koprogo_fleet.slo.prometheus import asking
from koprogo_fleet.workflows.slo import asking_service, measure

PROGRAM = Path(sys.executable).with_name("koprogo-fleet")
SEED = Path(__file__).parents[3] / "inventory" / "lab" / "slo.yaml"
EXPECTED = {
    "p99-latency": "fail",
    "throughput": "fail",
    "memory": "pass",
    "co2": "no data",
    "availability": "pass",
}


def slo(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in *folder*."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("OVH_", "VAULT_", "KOPROGO_"))}
    return subprocess.run(
        [PROGRAM, "slo", *arguments],
        cwd=folder,
        env=clean | {"HOME": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def only(folder: Path, objective: Mapping[str, Any]) -> None:
    """Describe a fleet in *folder* that has one objective."""
    lab = folder / "inventory" / "lab"
    lab.mkdir(parents=True)
    (lab / "fleet.yaml").write_text("name: koprogo\n")
    (lab / "slo.yaml").write_text(json.dumps({"objectives": [{"name": "it", **objective}]}))


def test_the_seeds_objectives_are_asked(prometheus: str, tmp_path: Path) -> None:
    """From nothing the example is written and asked: pass, fail and no data, with the worst value; exit code 1."""
    people = slo(tmp_path, "--prometheus", prometheus)
    machines = slo(tmp_path, "--prometheus", prometheus, "--json")
    told = json.loads(machines.stdout)
    found = {item["name"]: item for item in told["objectives"]}

    assert (1, 1, False) == (people.returncode, machines.returncode, told["met"])
    assert EXPECTED == {name: item["verdict"] for name, item in found.items()}
    assert pytest.approx(0.0075, abs=0.0025) == found["p99-latency"]["value"]
    assert pytest.approx(100, rel=0.1) == found["throughput"]["value"]
    assert (120e6, {"pod": "koprogo-api-2"}) == (found["memory"]["value"], found["memory"]["labels"])
    assert pytest.approx(0.999, abs=1e-6) == found["availability"]["value"]
    assert (None, None) == (found["co2"]["value"], found["co2"]["labels"])
    assert "koprogo-api-2" in people.stdout


@pytest.mark.parametrize(
    ("objective", "options", "code"),
    [
        ({"query": "vector(1)", "below": 2}, (), 0),
        ({"query": "1", "below": 1}, (), 1),
        ({"query": "absent_metric", "below": 2}, (), 1),
        ({"query": "absent_metric", "below": 2}, ("--allow-no-data",), 0),
        ({"query": "vector(3)", "below": 2}, ("--allow-no-data",), 1),
        ({"query": "sum(", "below": 2}, (), 2),
    ],
)
def test_the_exit_code_tells(
    objective: Mapping[str, Any], options: tuple[str, ...], code: int, prometheus: str, tmp_path: Path
) -> None:
    """0 all met; 1 one failed, or has no data unless that is allowed; 2 a query that Prometheus refuses."""
    only(tmp_path, objective)

    assert code == slo(tmp_path, "--prometheus", prometheus, *options).returncode


def test_a_wrong_query_is_named(prometheus: str) -> None:
    """Prometheus' own words come with the objective's name, and with what to correct."""
    with pytest.raises(
        PrometheusError, match=r"objective broken: Prometheus refused: bad_data: .*parse error"
    ) as error:
        measure([Objective(name="broken", query="sum(", below=1)], asking(prometheus))

    assert "correct `query` in slo.yaml" == error.value.next_step


def test_nobody_there_is_explained() -> None:
    """Without a Prometheus there is no verdict."""
    with pytest.raises(PrometheusError, match="no answer from Prometheus"):
        asking("http://127.0.0.1:9/")("up")


@pytest.fixture
def cluster(kubernetes: Path, prometheus: str) -> Iterator[Cluster]:
    """Yield a cluster with Services before Prometheus, before nobody, and before a port where nobody listens."""
    address = urlsplit(prometheus)
    with Cluster(yaml.safe_load(kubernetes.read_text()), patience=0) as cluster:
        pod_at(str(address.hostname), cluster, kubernetes)
        for name, port in (("prometheus", address.port), ("nobody", None), ("closed", 9)):
            pod = {"ip": address.hostname, "targetRef": {"kind": "Pod", "name": "prometheus", "namespace": "slo"}}
            ready = [{"addresses": [pod], "ports": [{"name": "web", "port": port}]}] if port is not None else []
            spec = {"ports": [{"name": "web", "port": 9090, "protocol": "TCP"}]}
            metadata = {"name": name, "namespace": "slo"}
            cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
            cluster.apply({"apiVersion": "v1", "kind": "Endpoints", "metadata": metadata, "subsets": ready})
        yield cluster


def pod_at(address: str, cluster: Cluster, kubeconfig: Path) -> None:
    """Make a pod that has this address: the API server sends to pods alone."""
    metadata = {"name": "prometheus", "namespace": "slo"}
    spec = {"containers": [{"name": "prometheus", "image": "prometheus"}]}
    cluster.apply({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    status = {"status": {"podIP": address, "podIPs": [{"ip": address}]}}
    arguments = ["--namespace=slo", "patch", "pod", "prometheus", "--subresource=status", "--type=merge"]
    ended = run(find_tools().kubectl, [*arguments, f"--patch={json.dumps(status)}"], timeout=60, kubeconfig=kubeconfig)
    assert 0 == ended.exit_status, ended.tail


@pytest.mark.parametrize("port", ["9090", "web"])
def test_the_cluster_is_the_way_to_its_prometheus(port: str, cluster: Cluster) -> None:
    """Through the API server's proxy the answers are the same as straight."""
    ask = asking_service(cluster, PrometheusService(namespace="slo", name="prometheus", port=port))

    assert EXPECTED == {
        item.objective.name: str(item.verdict) for item in measure(load_objectives(SEED).objectives, ask)
    }
    with pytest.raises(PrometheusError, match="bad_data"):
        ask("sum(")


@pytest.mark.parametrize(
    ("name", "seen"),
    [("missing", "there is no Service slo/missing"), ("nobody", "no endpoints available"), ("closed", "refused")],
)
def test_a_prometheus_that_is_not_there_is_explained(name: str, seen: str, cluster: Cluster) -> None:
    """No Service, one that no pod is behind, and one whose pod does not answer: each is told from the others."""
    with pytest.raises(KubernetesError, match=seen):
        asking_service(cluster, PrometheusService(namespace="slo", name=name))("up")
