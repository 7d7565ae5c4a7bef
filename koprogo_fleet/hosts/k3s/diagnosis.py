"""What K3s' journal means: the usual ends of a server or agent that does not start, with the way out."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Diagnosis:
    """A likely cause and the next step; *hopeless* means that waiting longer cannot help."""

    cause: str
    next_step: str
    hopeless: bool


KNOWN: tuple[tuple[re.Pattern[str], Diagnosis], ...] = (
    (
        re.compile(
            r"token CA hash does not match|invalid token|token is not valid|not authorized|Unauthorized", re.IGNORECASE
        ),
        Diagnosis(
            "the K3s token on this node is not the cluster's",
            "compare it with /var/lib/rancher/k3s/server/token on the first server; "
            "koprogo-fleet plan shows whether the file differs from the desired one",
            hopeless=True,
        ),
    ),
    (
        re.compile(r"bootstrap data already found and encrypted with different token"),
        Diagnosis(
            "this cluster was started with another server token",
            "restore the former token in Vault (koprogo secret k3s), or start a new cluster",
            hopeless=True,
        ),
    ),
    (
        re.compile(r":(6443|6444|2379|2380|10250):? bind: address already in use"),
        Diagnosis(
            "another program listens on a port that K3s needs",
            "on the node: ss -ltnp, stop the program that owns the port, then run koprogo-fleet provision again",
            hopeless=True,
        ),
    ),
    (
        re.compile(r"critical configuration value mismatch"),
        Diagnosis(
            "a cluster-wide setting differs between the servers",
            "koprogo-fleet plan shows the config files that differ",
            hopeless=True,
        ),
    ),
    (
        re.compile(r"unknown flag|flag provided but not defined|unknown (?:config )?key", re.IGNORECASE),
        Diagnosis(
            "config.yaml has a key that this version of K3s does not know",
            "see the journal line above, and https://docs.k3s.io/cli/server",
            hopeless=True,
        ),
    ),
    (
        re.compile(r"Node password rejected"),
        Diagnosis(
            "a node of this name was rebuilt, and the cluster still knows the old one",
            "kubectl delete node NAME, then run koprogo-fleet provision again",
            hopeless=True,
        ),
    ),
    (
        re.compile(r"no space left on device", re.IGNORECASE),
        Diagnosis(
            "the node's disk is full", "on the node: df -h / /var/lib/rancher, then free some space", hopeless=True
        ),
    ),
    (
        re.compile(r"too many learner members|Waiting for other members to finish joining"),
        Diagnosis("another etcd member is still joining", "wait: it resolves itself", hopeless=False),
    ),
    (
        re.compile(r"x509: certificate has expired or is not yet valid"),
        Diagnosis("the nodes' clocks disagree", "on each node: chronyc tracking", hopeless=False),
    ),
)


def diagnose(journal: str) -> Diagnosis | None:
    """Return what the last telling line of *journal* means, or None when no line is known."""
    for line in reversed(journal.splitlines()):
        for pattern, diagnosis in KNOWN:
            if pattern.search(line):
                return diagnosis
    return None
