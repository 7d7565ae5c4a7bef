"""Where everything is on a node: K3s' own paths."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

CONFIG_FILE = Path("/etc/rancher/k3s/config.yaml")
KUBECONFIG = Path("/etc/rancher/k3s/k3s.yaml")
NODE_PASSWORD = Path("/etc/rancher/node/password")
DATA_DIR = Path("/var/lib/rancher/k3s")
RUN_DIR = Path("/run/k3s")
CONTAINERD_SOCKET = RUN_DIR / "containerd/containerd.sock"
CNI_PLUGINS = Path("/usr/lib/cni")
LAB_ENVIRONMENT = Path("/etc/koprogo-lab.env")

BINARIES = Path(os.environ.get("KOPROGO_LAB_BIN", "/opt/koprogo-lab/bin"))
"""Where the lab binds the Kubernetes programs that it built (see :mod:`koprogo_fleet.lab.kubernetes`)."""

LOCAL_API_ADDRESS = "127.0.0.2"
"""Where a server's own API server listens; the supervisor has port 6443 of all other addresses."""

API_PORT = 6443
BALANCER_PORT = 6444
SEALING_ADDRESS = "127.0.0.1"
SEALING_PORT = 6445
"""Where each server's sealing controller answers, on 127.0.0.1; from outside it is reached as plain HTTP on 6443."""


@dataclass(frozen=True)
class Layout:
    """The files under one data directory."""

    data_dir: Path = DATA_DIR

    @property
    def tls(self) -> Path:
        """The servers' certificates and keys."""
        return self.data_dir / "server/tls"

    @property
    def etcd_tls(self) -> Path:
        """The certificates and keys of etcd."""
        return self.tls / "etcd"

    @property
    def credentials(self) -> Path:
        """The servers' kubeconfigs and the encryption configuration."""
        return self.data_dir / "server/cred"

    @property
    def encryption_config(self) -> Path:
        """The API server's encryption at rest."""
        return self.credentials / "encryption-config.json"

    @property
    def encryption_state(self) -> Path:
        """The stage of the keys' rotation, and the hash of the configuration that belongs to it."""
        return self.credentials / "encryption-state.json"

    @property
    def server_token(self) -> Path:
        """The whole token (K10…) that lets servers join."""
        return self.data_dir / "server/token"

    @property
    def node_token(self) -> Path:
        """A link to the server token."""
        return self.data_dir / "server/node-token"

    @property
    def agent_token(self) -> Path:
        """The whole token that lets agents join."""
        return self.data_dir / "server/agent-token"

    @property
    def etcd(self) -> Path:
        """This member's data."""
        return self.data_dir / "server/db/etcd"

    @property
    def server_logs(self) -> Path:
        """The logs of the control plane's components."""
        return self.data_dir / "server/logs"

    @property
    def agent(self) -> Path:
        """All that belongs to the node, whatever its role."""
        return self.data_dir / "agent"

    @property
    def agent_logs(self) -> Path:
        """The logs of the node's components."""
        return self.agent / "logs"

    @property
    def images(self) -> Path:
        """Image archives, imported at start."""
        return self.agent / "images"

    @property
    def pod_manifests(self) -> Path:
        """Pods that the kubelet runs whatever the API server says (static pods)."""
        return self.agent / "pod-manifests"

    @property
    def cni_config(self) -> Path:
        """The directory that containerd reads the pod network from."""
        return self.agent / "etc/cni/net.d"
