"""The Kubernetes API. The only package that imports lightkube."""

from __future__ import annotations

from koprogo_fleet.kube.client import Cluster, content_of, owners_of
from koprogo_fleet.kube.status import NodeStatus, PodStatus, pod_status

__all__ = ["Cluster", "NodeStatus", "PodStatus", "content_of", "owners_of", "pod_status"]
