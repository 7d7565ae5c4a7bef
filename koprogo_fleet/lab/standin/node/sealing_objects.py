"""The Kubernetes objects of the sealing controller: its type, and the Service that leads to its certificate."""

from __future__ import annotations

from typing import Any

from koprogo_fleet.lab.standin.node.layout import SEALING_PORT
from koprogo_fleet.lab.standin.node.sealing import GROUP, KIND

NAMESPACE = "kube-system"
SERVICE = "sealed-secrets-controller"
PORT_NAME = "http"
SERVICE_PORT = 8080

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
    """Return the Service that clients name in the API server's proxy; it has no selector, since no pod is behind it."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE, "namespace": NAMESPACE},
        "spec": {
            "type": "ClusterIP",
            "ports": [{"name": PORT_NAME, "port": SERVICE_PORT, "targetPort": SEALING_PORT, "protocol": "TCP"}],
        },
    }


def endpoints(address: str) -> dict[str, Any]:
    """Return where the Service leads: to the server at *address*."""
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": SERVICE, "namespace": NAMESPACE},
        "subsets": [
            {
                "addresses": [{"ip": address}],
                "ports": [{"name": PORT_NAME, "port": SEALING_PORT, "protocol": "TCP"}],
            }
        ],
    }
