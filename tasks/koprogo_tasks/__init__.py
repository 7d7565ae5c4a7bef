"""
Nornir tasks for K3s fleets, to be imported by scripts.

Every task is a plain function for ``nornir.run(task=…)``; one that changes anything takes ``dry_run``, and tells then
what it would do. A task's module is imported when the task is asked for: a script loads what it uses.
"""

from typing import TYPE_CHECKING

from koprogo_fleet.core.lazy import names_from

if TYPE_CHECKING:
    from koprogo_tasks._baseline import baseline
    from koprogo_tasks._claim import check_claim, claim
    from koprogo_tasks._converge import converge
    from koprogo_tasks._etcd import etcd_change, etcd_look
    from koprogo_tasks._first_contact import first_contact
    from koprogo_tasks._first_login import Passwords, first_login
    from koprogo_tasks._health import etcd_health, k3s_health
    from koprogo_tasks._http import http_statuses
    from koprogo_tasks._k3s import (
        Artifact,
        k3s,
        k3s_is_installed,
        k3s_ready,
        push_k3s_artifacts,
        read_cluster_tokens,
        read_kubeconfig,
    )
    from koprogo_tasks._reboot import reboot

__all__ = [
    "Artifact",
    "Passwords",
    "baseline",
    "check_claim",
    "claim",
    "converge",
    "etcd_change",
    "etcd_health",
    "etcd_look",
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

__getattr__ = names_from(
    __name__,
    {
        "_baseline": ["baseline"],
        "_claim": ["check_claim", "claim"],
        "_converge": ["converge"],
        "_etcd": ["etcd_change", "etcd_look"],
        "_first_contact": ["first_contact"],
        "_first_login": ["Passwords", "first_login"],
        "_health": ["etcd_health", "k3s_health"],
        "_http": ["http_statuses"],
        "_k3s": [
            "Artifact",
            "k3s",
            "k3s_is_installed",
            "k3s_ready",
            "push_k3s_artifacts",
            "read_cluster_tokens",
            "read_kubeconfig",
        ],
        "_reboot": ["reboot"],
    },
)
