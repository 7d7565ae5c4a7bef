"""
Nornir tasks for K3s fleets, to be imported by scripts.

Every task is a plain function for ``nornir.run(task=…)``; one that changes anything takes ``dry_run``, and tells then
what it would do.
"""

from koprogo_tasks._converge import converge
from koprogo_tasks.baseline import baseline
from koprogo_tasks.claim import check_claim, claim
from koprogo_tasks.first_contact import first_contact
from koprogo_tasks.first_login import Passwords, first_login
from koprogo_tasks.health import etcd_health, k3s_health
from koprogo_tasks.http import http_statuses
from koprogo_tasks.k3s import (
    Artifact,
    k3s,
    k3s_is_installed,
    k3s_ready,
    push_k3s_artifacts,
    read_cluster_tokens,
    read_kubeconfig,
)
from koprogo_tasks.reboot import reboot

__all__ = [
    "Artifact",
    "Passwords",
    "baseline",
    "check_claim",
    "claim",
    "converge",
    "etcd_health",
    "first_contact",
    "first_login",
    "http_statuses",
    "k3s",
    "k3s_health",
    "k3s_is_installed",
    "k3s_ready",
    "push_k3s_artifacts",
    "read_cluster_tokens",
    "read_kubeconfig",
    "reboot",
]
