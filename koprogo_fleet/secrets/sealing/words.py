"""What the command line, manifests and code call things; imported by all of them, so it imports next to nothing."""

from __future__ import annotations

from enum import StrEnum

API_VERSION = "bitnami.com/v1alpha1"
KIND = "SealedSecret"
KEY_ANNOTATION = "fleet.koprogo.io/sealing-key"
"""On a SealedSecret: the fingerprint of the key that it was sealed with."""


class Scope(StrEnum):
    """What a sealed value is bound to: its name and namespace, its namespace, or nothing."""

    STRICT = "strict"
    NAMESPACE_WIDE = "namespace-wide"
    CLUSTER_WIDE = "cluster-wide"


class Format(StrEnum):
    """How manifests are written."""

    JSON = "json"
    YAML = "yaml"
