"""Small charts that declare what the real ones do: CRDs, objects of these kinds, workloads, webhooks."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

Manifest = Mapping[str, Any]

SETTINGS: Manifest = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "{{ .Release.Name }}"},
    "data": {"colour": "{{ .Values.colour }}"},
}

PASSWORD: Manifest = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {"name": "{{ .Release.Name }}"},
    "stringData": {"word": "{{ .Values.word }}"},
}

WORKLOAD: Manifest = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "{{ .Release.Name }}"},
    "spec": {
        "selector": {"matchLabels": {"app": "{{ .Release.Name }}"}},
        "template": {
            "metadata": {"labels": {"app": "{{ .Release.Name }}", "app.kubernetes.io/instance": "{{ .Release.Name }}"}},
            "spec": {"containers": [{"name": "main", "image": "{{ .Values.image }}"}]},
        },
    },
}


def custom_kind(kind: str) -> Manifest:
    """Return a CustomResourceDefinition for a kind of one text field."""
    plural = f"{kind.lower()}s"
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.standin.koprogo.io"},
        "spec": {
            "group": "standin.koprogo.io",
            "names": {"kind": kind, "plural": plural},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    }


def of_kind(kind: str) -> Manifest:
    """Return an object of such a kind."""
    return {
        "apiVersion": "standin.koprogo.io/v1",
        "kind": kind,
        "metadata": {"name": "{{ .Release.Name }}"},
        "spec": {"colour": "{{ .Values.colour }}"},
    }


def webhook(name: str, namespace: str) -> Manifest:
    """Return a webhook configuration that concerns nothing, whose Service has nobody behind it."""
    client = {"caBundle": "Cg==", "service": {"namespace": namespace, "name": name, "path": "/validate"}}
    rule = {
        "apiGroups": ["standin.koprogo.io"],
        "apiVersions": ["v1"],
        "operations": ["DELETE"],
        "resources": ["nothings"],
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [
            {
                "name": f"{name}.standin.koprogo.io",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "clientConfig": client,
                "rules": [rule],
            }
        ],
    }


def service(name: str) -> Manifest:
    """Return a Service on port 443 that selects nothing."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"ports": [{"name": "https", "port": 443, "protocol": "TCP"}]},
    }


def write_chart(  # noqa: PLR0913 - everything that a chart is made of
    folder: Path,
    name: str,
    *templates: Manifest,
    crds: tuple[Manifest, ...] = (),
    values: Mapping[str, Any] | None = None,
    schema: Mapping[str, Any] | None = None,
    version: str = "1.0.0",
) -> Path:
    """Write a chart into a folder of its own."""
    chart = folder / name
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": name, "version": version}))
    (chart / "values.yaml").write_text(yaml.safe_dump(dict(values or {"colour": "green", "image": "main:1"})))
    if schema is not None:
        (chart / "values.schema.json").write_text(json.dumps(schema))
    for index, template in enumerate(templates):
        (chart / "templates" / f"{index}.yaml").write_text(yaml.safe_dump(template))
    for index, crd in enumerate(crds):
        (chart / "crds").mkdir(exist_ok=True)
        (chart / "crds" / f"{index}.yaml").write_text(yaml.safe_dump(crd))
    return chart


def pack(chart: Path, archive: Path) -> bytes:
    """Pack a chart as ``helm package`` does."""
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(chart, arcname=chart.name)
    return archive.read_bytes()
