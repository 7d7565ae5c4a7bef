"""
Cluster-wide keys: equal on every server, and some of them for ever.

K3s finds out too late: a joining server ends with "critical configuration value mismatch", and one that is restarted with
another network does harm. So both are looked at before anything is changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from koprogo_fleet.core.errors import InputError, NotConverged
from koprogo_fleet.hosts.k3s import paths
from koprogo_fleet.hosts.k3s.observed import Observed

DEFAULTS: Mapping[str, str] = {
    "cluster-cidr": "10.42.0.0/16",
    "cluster-dns": "10.43.0.10",
    "cluster-domain": "cluster.local",
    "disable": "",
    "disable-cloud-controller": "false",
    "disable-helm-controller": "false",
    "disable-kube-proxy": "false",
    "disable-network-policy": "false",
    "egress-selector-mode": "agent",
    "embedded-registry": "false",
    "flannel-backend": "vxlan",
    "flannel-external-ip": "false",
    "flannel-ipv6-masq": "false",
    "secrets-encryption": "false",
    "secrets-encryption-provider": "aescbc",
    "service-cidr": "10.43.0.0/16",
}
"""K3s' own, by key: those that its "server" page calls critical configuration values (and CODE pkg/daemons/config)."""

FOR_EVER: Mapping[str, str] = {
    "cluster-cidr": "nodes and pods keep the addresses that they have",
    "service-cidr": "services, and the API's own certificate, keep the addresses that they have",
    "cluster-dns": "it is the address of a service that exists, and every pod has been told it",
    "cluster-domain": "names of the old domain are in pods and certificates",
    "flannel-backend": "while nodes have different ones, their pods do not reach each other: K3s' authors advise to "
    "rebuild the cluster, or to reboot every node at once (k3s-io/k3s #3409)",
}
"""Keys that cannot be changed after the installation, and why."""

_FIELDS = {
    "cluster-cidr": "network.pods",
    "service-cidr": "network.services",
    "cluster-dns": "network.services",
    "flannel-backend": "k3s.flannel_backend",
}


@dataclass(frozen=True)
class Written:
    """A value as K3s will take it, and the file that says so."""

    value: str
    file: str


def effective(files: Mapping[str, str]) -> dict[str, Written]:
    """
    Return the cluster-wide keys of one server, as K3s merges its files: the last wins, and ``key+`` appends to a list.

    Raises:
        InputError: a file is not YAML.
    """
    found = {key: Written(value, "K3s' default") for key, value in DEFAULTS.items()}
    lists: dict[str, list[str]] = {}
    for path, text in files.items():
        for written, raw in _load(path, text).items():
            key = str(written).removesuffix("+")
            if key not in DEFAULTS:
                continue
            values = [part for item in (raw if isinstance(raw, list) else [raw]) for part in _plain(item).split(",")]
            lists[key] = [*lists.get(key, ()), *values] if str(written).endswith("+") else values
            found[key] = Written(",".join(sorted(filter(None, lists[key]))), path)
    return found


def _load(path: str, text: str) -> Mapping[object, object]:
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{path} on the node is not YAML", cause=str(error).splitlines()[0]) from error
    return document if isinstance(document, dict) else {}


def _plain(raw: object) -> str:
    return str(raw).lower() if isinstance(raw, bool) else str(raw)


def after_the_run(desired: str, observed: Observed) -> dict[str, str]:
    """Return a server's files as they will be: our config file, and the drop-ins that are there."""
    return {paths.CONFIG: desired} | {path: text for path, text in observed.files.items() if path != paths.CONFIG}


def require_equal(servers: Mapping[str, Mapping[str, Written]]) -> None:
    """
    Do nothing if the *servers* agree.

    Raises:
        NotConverged: they would not; names each key, each server's value, and the file that it comes from.
    """
    differences = []
    for key in DEFAULTS:
        values = {name: written[key] for name, written in servers.items()}
        if len({written.value for written in values.values()}) > 1:
            each = ", ".join(f"{name}: {written.value or 'none'} ({written.file})" for name, written in values.items())
            differences.append(f"{key} is {each}")
    if differences:
        raise NotConverged(
            "the servers would not agree: " + "; ".join(differences),
            cause="somebody wrote a file beside K3s' config.yaml on some servers; a server with another value cannot join",
            next_step=f"remove these keys from the files in {paths.CONFIG_DROP_INS}; what they are for belongs into fleet.yaml",
        )


def require_unchanged(present: Mapping[str, Mapping[str, Written]], desired: Mapping[str, Written]) -> None:
    """
    Do nothing if a cluster keeps what it cannot change.

    Args:
        present: what each server that has been started was configured with. Where servers differ somebody has edited one
            of them, and the run puts it right: only what they all say is taken for the cluster's.
        desired: what any server will be configured with.

    Raises:
        NotConverged: fleet.yaml wants something else; says why it cannot be had.
    """
    changes = []
    for key, why in FOR_EVER.items():
        values = {written[key].value for written in present.values()}
        if len(values) == 1 and (value := values.pop()) != desired[key].value:
            field = f" ({_FIELDS[key]})" if key in _FIELDS else ""
            changes.append(f"{key}{field} from {value} to {desired[key].value}: {why}")
    if changes:
        raise NotConverged(
            "the cluster cannot change " + "; ".join(changes),
            cause="these are fixed when its first server starts; nothing was changed",
            next_step="put the former values back into fleet.yaml, or build a new cluster and move to it",
        )


def agreed_backend(present: Mapping[str, Mapping[str, Written]]) -> str | None:
    """Return the flannel backend that most of the started servers have; None before there is any."""
    values = [written["flannel-backend"].value for written in present.values()]
    return max(sorted(set(values)), key=values.count) if values else None
