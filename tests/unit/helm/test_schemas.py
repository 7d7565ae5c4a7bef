"""Manifests against the real schemas of Kubernetes."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import yaml

from koprogo_fleet.core.errors import InputError, MissingRequirement
from koprogo_fleet.helm.schemas import schema_problems

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: api}
spec:
  replicas: 2
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      containers:
        - name: api
          image: api:1
          ports: [{containerPort: 80, name: http}]
          readinessProbe: {httpGet: {port: http}}
          resources: {limits: {cpu: 1, memory: 1Mi}}
"""

PORT = "spec.template.spec.containers.0.readinessProbe.httpGet.port"


def said(text: str, version: str = "v1.33.4+k3s1") -> list[str]:
    """Return the problems of manifests that are written as YAML."""
    return [str(problem) for problem in schema_problems(list(yaml.safe_load_all(text)), version).problems]


@pytest.mark.parametrize(
    ("right", "wrong", "problem"),
    [
        ("replicas: 2", "replicas: two", "Deployment/api: spec.replicas: expected a whole number, got text"),
        ("replicas", "replica", 'Deployment/api: spec: there is no field "replica"; did you mean "replicas"?'),
        ("  selector: {matchLabels: {app: api}}\n", "", "Deployment/api: spec: the field selector is missing"),
        (
            "{port: http}",
            "{port: [80]}",
            f"Deployment/api: {PORT}: got a list, which is none of the forms that it may have",
        ),
        (
            "apps/v1",
            "apps/v1beta1",
            "Deployment/api: apiVersion: Kubernetes 1.33 has no apps/v1beta1 Deployment; it has apps/v1",
        ),
    ],
)
def test_each_mistake_is_told_at_its_place(right: str, wrong: str, problem: str) -> None:
    """What Kubernetes would refuse is told in few words; what it would take is not told at all."""
    assert [] == said(DEPLOYMENT)
    assert [problem] == said(DEPLOYMENT.replace(right, wrong))


def test_all_mistakes_are_told_at_once() -> None:
    """A second mistake, in another object, does not hide behind the first."""
    text = DEPLOYMENT.replace("replicas: 2", "replicas: two")

    assert 2 == len(said(f"{text}---{text.replace('name: api}', 'name: other}', 1)}"))


def test_the_value_of_a_secret_is_not_repeated() -> None:
    """A wrong value may be a secret one: what kind of value it is is told, and not the value."""
    text = "{apiVersion: v1, kind: Secret, metadata: {name: s}, stringData: [hunter2]}"

    assert ["Secret/s: stringData: expected fields, got a list"] == said(text)


@pytest.mark.parametrize(
    "manifest",
    [
        {"apiVersion": "cert-manager.io/v1", "kind": "Certificate"},
        {"apiVersion": "apps.example.com/v1", "kind": "Deployment"},
        {"apiVersion": "v1", "kind": "../../secret"},
        {},
    ],
)
def test_kinds_of_others_are_named_not_judged(manifest: dict[str, Any]) -> None:
    """A kind that a CustomResourceDefinition brings is neither right nor wrong, even where it sounds like one of ours."""
    verdict = schema_problems([{**manifest, "metadata": {"name": "x"}}], "1.33")

    assert ((), 1) == (verdict.problems, len(verdict.unknown))


@pytest.mark.parametrize(("version", "asked"), [("v1.33.4+k3s1", "1.33"), ("1.30", "1.30")])
def test_the_schemas_are_those_of_the_version(version: str, asked: str) -> None:
    """A patch or a suffix of K3s makes no difference."""
    assert asked == schema_problems([], version).release


def test_a_version_that_is_too_new_gets_the_newest() -> None:
    """What a new cluster has lost its predecessor may have lost, too: better than nothing."""
    assert schema_problems([], "1.999").release != "1.999"


@pytest.mark.parametrize(("version", "seen"), [("1.20.2", "no schemas of Kubernetes 1.20"), ("latest", "no version")])
def test_a_version_without_schemas_is_refused(version: str, seen: str) -> None:
    """Too old, or no version at all: nothing is told to be right that nobody has looked at."""
    with pytest.raises(InputError, match=seen) as error:
        schema_problems([], version)

    assert error.value.next_step


def test_a_missing_package_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra the error says what to install."""
    monkeypatch.setitem(sys.modules, "kubernetes_validate", None)  # Python's own way to say that there is none

    with pytest.raises(MissingRequirement, match="kubernetes-validate is not installed") as error:
        schema_problems([], "1.33")

    assert "pip install 'koprogo-fleet[schemas]'" == error.value.next_step
