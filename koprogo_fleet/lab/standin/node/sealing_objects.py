"""The Kubernetes objects of the sealing controller: its type, and the Service that leads to its certificate."""

from __future__ import annotations

from typing import Any

from koprogo_fleet.lab.standin.node.layout import API_PORT
from koprogo_fleet.lab.standin.node.sealing import GROUP, KIND

NAMESPACE = "kube-system"
SERVICE = "sealed-secrets-controller"
PORT_NAME = "http"
SERVICE_PORT = 8080
LABELS = {"app.kubernetes.io/name": "sealed-secrets"}

_FREE_FORM = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def custom_resource_definition() -> dict[str, Any]:
    """Return the definition of SealedSecret, with the columns and the status of the real one."""
    column = {"type": "string"}
    version = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {**column, "name": "Status", "jsonPath": ".status.conditions[0].message"},
            {**column, "name": "Synced", "jsonPath": ".status.conditions[0].status"},
            {"type": "date", "name": "Age", "jsonPath": ".metadata.creationTimestamp"},
        ],
        "schema": {
            "openAPIV3Schema": {
                "type": "object",
                "required": ["spec"],
                "properties": {
                    "spec": {
                        "type": "object",
                        "required": ["encryptedData"],
                        "properties": {
                            "encryptedData": {"type": "object", "additionalProperties": {"type": "string"}},
                            "template": {**_FREE_FORM, "nullable": True},
                            "data": {"type": "string", "nullable": True},
                        },
                    },
                    "status": _FREE_FORM,
                },
            }
        },
    }
    names = {"kind": KIND, "listKind": "SealedSecretList", "plural": "sealedsecrets", "singular": "sealedsecret"}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"sealedsecrets.{GROUP}"},
        "spec": {"group": GROUP, "names": names, "scope": "Namespaced", "versions": [version]},
    }


def service() -> dict[str, Any]:
    """Return the Service that clients name in the API server's proxy; behind it are the pods of :func:`pod`."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE, "namespace": NAMESPACE},
        "spec": {
            "type": "ClusterIP",
            "selector": LABELS,
            "ports": [{"name": PORT_NAME, "port": SERVICE_PORT, "targetPort": API_PORT, "protocol": "TCP"}],
        },
    }


def pod(image: str) -> dict[str, Any]:
    """
    Return the static pod that makes a server's own address an endpoint of the Service.

    The API server's proxy leads only to addresses of pods; this one shares its node's, and does nothing itself: what
    answers is the supervisor, on port 6443 of the node.
    """
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": SERVICE, "namespace": NAMESPACE, "labels": LABELS},
        "spec": {
            "hostNetwork": True,
            "tolerations": [{"operator": "Exists"}],
            "containers": [{"name": "place-holder", "image": image, "imagePullPolicy": "Never"}],
        },
    }
