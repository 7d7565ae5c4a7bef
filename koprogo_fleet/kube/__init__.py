"""The Kubernetes API. The only package that imports lightkube."""

from __future__ import annotations

from koprogo_fleet.kube.client import Cluster, content_of, owners_of
from koprogo_fleet.kube.status import NodeStatus

__all__ = ["Cluster", "NodeStatus", "content_of", "owners_of"]
