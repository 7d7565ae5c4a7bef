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
        k3s_release,
        push_k3s_artifacts,
        read_cluster_tokens,
        read_kubeconfig,
    )
    from koprogo_tasks._k3s_download import Download, download_k3s
    from koprogo_tasks._k3s_observed import k3s_observed
    from koprogo_tasks._k3s_report import k3s_report
    from koprogo_tasks._k3s_rotation import (
        change_encryption,
        look_at_certificates,
        look_at_encryption,
        restart_k3s,
        rotate_certificates,
    )
    from koprogo_tasks._k3s_tokens import look_at_tokens, read_token_file, rotate_server_token, write_token_file
    from koprogo_tasks._k3s_upgrade import roll_back_k3s, stage_k3s, switch_k3s
    from koprogo_tasks._node_life import clean_k3s, give_up_founding, k3s_presence, remove_etcd_member, stop_k3s
    from koprogo_tasks._reboot import reboot

__all__ = [
    "Artifact",
    "Download",
    "Passwords",
    "baseline",
    "change_encryption",
    "check_claim",
    "claim",
    "clean_k3s",
    "converge",
    "download_k3s",
    "etcd_change",
    "etcd_health",
    "etcd_look",
    "first_contact",
    "first_login",
    "give_up_founding",
    "http_statuses",
    "k3s",
    "k3s_health",
    "k3s_is_installed",
    "k3s_observed",
    "k3s_presence",
    "k3s_ready",
    "k3s_release",
    "k3s_report",
    "look_at_certificates",
    "look_at_encryption",
    "look_at_tokens",
    "push_k3s_artifacts",
    "read_cluster_tokens",
    "read_kubeconfig",
    "read_token_file",
    "reboot",
    "remove_etcd_member",
    "restart_k3s",
    "roll_back_k3s",
    "rotate_certificates",
    "rotate_server_token",
    "stage_k3s",
    "stop_k3s",
    "switch_k3s",
    "write_token_file",
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
            "k3s_release",
            "push_k3s_artifacts",
            "read_cluster_tokens",
            "read_kubeconfig",
        ],
        "_k3s_download": ["Download", "download_k3s"],
        "_k3s_observed": ["k3s_observed"],
        "_k3s_report": ["k3s_report"],
        "_k3s_rotation": [
            "change_encryption",
            "look_at_certificates",
            "look_at_encryption",
            "restart_k3s",
            "rotate_certificates",
        ],
        "_k3s_tokens": ["look_at_tokens", "read_token_file", "rotate_server_token", "write_token_file"],
        "_k3s_upgrade": ["roll_back_k3s", "stage_k3s", "switch_k3s"],
        "_node_life": ["clean_k3s", "give_up_founding", "k3s_presence", "remove_etcd_member", "stop_k3s"],
        "_reboot": ["reboot"],
    },
)
