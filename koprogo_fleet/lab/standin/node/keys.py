"""The configuration keys that K3s knows (its long flags without the dashes), and what kind of value each takes."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class Kind(Enum):
    """How a key's value is written."""

    TEXT = "text"
    FLAG = "flag"
    LIST = "list"


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _keys(kind: Kind, names: str) -> dict[str, Kind]:
    return dict.fromkeys(_names(names), kind)


_NODE: Mapping[str, Kind] = {
    **_keys(
        Kind.TEXT,
        """server token token-file data-dir node-name node-external-dns node-internal-dns flannel-iface flannel-conf
        flannel-cni-conf resolv-conf private-registry pause-image snapshotter container-runtime-endpoint
        image-service-endpoint default-runtime lb-server-port log v""",
    ),
    **_keys(
        Kind.FLAG,
        """debug docker with-node-id protect-kernel-defaults selinux prefer-bundled-bin rootless alsologtostderr
        disable-default-registry-endpoint nonroot-devices enable-pprof""",
    ),
    **_keys(
        Kind.LIST,
        """node-ip node-external-ip node-label node-taint kubelet-arg kube-proxy-arg image-credential-provider-bin-dir
        image-credential-provider-config vpn-auth vpn-auth-file""",
    ),
}

_SERVER: Mapping[str, Kind] = {
    **_keys(
        Kind.TEXT,
        """agent-token agent-token-file bind-address https-listen-port advertise-address advertise-port
        service-node-port-range cluster-domain flannel-backend egress-selector-mode servicelb-namespace
        write-kubeconfig write-kubeconfig-mode write-kubeconfig-group kine-tls cluster-reset-restore-path
        datastore-endpoint datastore-cafile datastore-certfile datastore-keyfile default-local-storage-path
        secrets-encryption-provider helm-job-image etcd-snapshot-name etcd-snapshot-schedule-cron
        etcd-snapshot-retention etcd-snapshot-dir etcd-s3-endpoint etcd-s3-endpoint-ca etcd-s3-access-key
        etcd-s3-secret-key etcd-s3-session-token etcd-s3-bucket etcd-s3-bucket-lookup-type etcd-s3-region
        etcd-s3-folder etcd-s3-proxy etcd-s3-config-secret etcd-s3-timeout etcd-s3-retention
        system-default-registry""",
    ),
    **_keys(
        Kind.FLAG,
        """cluster-init cluster-reset tls-san-security flannel-ipv6-masq flannel-external-ip secrets-encryption
        disable-scheduler disable-cloud-controller disable-kube-proxy disable-network-policy disable-helm-controller
        disable-apiserver disable-controller-manager disable-etcd disable-agent embedded-registry supervisor-metrics
        etcd-expose-metrics etcd-disable-snapshots etcd-snapshot-compress etcd-s3 etcd-s3-skip-ssl-verify
        etcd-s3-insecure multus""",
    ),
    **_keys(
        Kind.LIST,
        """tls-san cluster-cidr service-cidr cluster-dns disable kube-apiserver-arg kube-controller-manager-arg
        kube-scheduler-arg kube-cloud-controller-manager-arg etcd-arg""",
    ),
}

KEYS: Mapping[str, Mapping[str, Kind]] = {"agent": _NODE, "server": {**_NODE, **_SERVER}}
"""By role."""

SHORT_FLAGS: Mapping[str, str] = {"-c": "config", "-d": "data-dir", "-s": "server", "-t": "token"}

ENVIRONMENT: Mapping[str, str] = {
    "K3S_URL": "server",
    "K3S_TOKEN": "token",
    "K3S_TOKEN_FILE": "token-file",
    "K3S_AGENT_TOKEN": "agent-token",
    "K3S_AGENT_TOKEN_FILE": "agent-token-file",
    "K3S_CLUSTER_INIT": "cluster-init",
    "K3S_NODE_NAME": "node-name",
    "K3S_RESOLV_CONF": "resolv-conf",
    "K3S_DATA_DIR": "data-dir",
    "K3S_KUBECONFIG_OUTPUT": "write-kubeconfig",
    "K3S_KUBECONFIG_MODE": "write-kubeconfig-mode",
    "K3S_KUBECONFIG_GROUP": "write-kubeconfig-group",
}

HONOURED = _names(
    """server token token-file data-dir node-name flannel-iface flannel-backend resolv-conf node-ip node-external-ip
    node-label node-taint kubelet-arg kube-proxy-arg protect-kernel-defaults agent-token agent-token-file
    advertise-address service-node-port-range cluster-domain write-kubeconfig write-kubeconfig-mode cluster-init
    secrets-encryption tls-san cluster-cidr service-cidr cluster-dns kube-apiserver-arg kube-controller-manager-arg
    kube-scheduler-arg etcd-arg disable disable-kube-proxy private-registry"""
) | _names(
    """cluster-reset cluster-reset-restore-path etcd-disable-snapshots etcd-snapshot-name etcd-snapshot-schedule-cron
    etcd-snapshot-retention etcd-snapshot-dir etcd-snapshot-compress etcd-s3 etcd-s3-endpoint etcd-s3-endpoint-ca
    etcd-s3-access-key etcd-s3-secret-key etcd-s3-bucket etcd-s3-region etcd-s3-folder etcd-s3-timeout etcd-s3-insecure
    etcd-s3-skip-ssl-verify etcd-s3-retention"""
)
"""The keys that change what the stand-in does; the others are known, accepted, and named once in the log."""
