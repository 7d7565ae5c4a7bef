"""The node's own components: kubelet and kube-proxy, with the settings that a node inside a container needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.lab.standin.node import cgroups, kernel_settings, kubeconfig
from koprogo_fleet.lab.standin.node.arguments import merged
from koprogo_fleet.lab.standin.node.children import Child
from koprogo_fleet.lab.standin.node.layout import CONTAINERD_SOCKET
from koprogo_fleet.lab.standin.node.programs import kubelet, minor_version, program
from koprogo_fleet.lab.standin.node.settings import Settings

REMOTE_RUNTIME_FLAG_UNTIL = 23
"""The last minor version whose kubelet has to be told that its runtime is not Docker."""


class NodeComponents:
    """
    The kubelet and kube-proxy of one node; their certificates are already in the agent's directory.

    Args:
        api_url: where both reach the API: the server itself, or the agent's load balancer.
    """

    def __init__(self, settings: Settings, api_url: str) -> None:
        self._settings = settings
        self._agent = settings.layout.agent
        self._api_url = api_url
        logs = settings.layout.agent_logs
        self.kubelet = Child("kubelet", self._kubelet, logs / "kubelet.log")
        self.kube_proxy = Child("kube-proxy", self._kube_proxy, logs / "kube-proxy.log")

    def start(self) -> None:
        """Prepare the node and start both."""
        self._settings.layout.pod_manifests.mkdir(parents=True, exist_ok=True)
        write_atomically(self._agent / "etc/kubelet.yaml", yaml.safe_dump(self._kubelet_config()))
        self.kubelet.start()
        if self._settings.kube_proxy:
            self.kube_proxy.start()

    def _kubelet_config(self) -> dict[str, Any]:
        settings, agent = self._settings, self._agent
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(agent / "client-ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": cgroups.prepare(settings.node_name),
            "clusterDNS": [settings.network.dns],
            "clusterDomain": settings.network.domain,
            "enforceNodeAllocatable": [],
            "evictionHard": {"memory.available": "100Mi", "nodefs.available": "5%", "imagefs.available": "5%"},
            "failSwapOn": False,
            "healthzBindAddress": "127.0.0.1",
            "nodeStatusUpdateFrequency": "5s",
            "protectKernelDefaults": settings.protect_kernel_defaults,
            "resolvConf": str(settings.resolv_conf),
            "serializeImagePulls": False,
            "staticPodPath": str(settings.layout.pod_manifests),
            "tlsCertFile": str(agent / "serving-kubelet.crt"),
            "tlsPrivateKeyFile": str(agent / "serving-kubelet.key"),
        }

    def _kubelet(self) -> list[str | Path]:
        settings = self._settings
        flags: dict[str, object] = {
            "config": f"{self._agent}/etc/kubelet.yaml",
            "kubeconfig": self._kubeconfig("kubelet"),
            "container-runtime-endpoint": f"unix://{CONTAINERD_SOCKET}",
            "hostname-override": settings.node_name,
            "node-ip": settings.node_ip,
        }
        if minor_version() <= REMOTE_RUNTIME_FLAG_UNTIL:
            flags["container-runtime"] = "remote"
        if settings.node_labels:
            flags["node-labels"] = ",".join(settings.node_labels)
        if settings.node_taints:
            flags["register-with-taints"] = ",".join(settings.node_taints)
        command = [*kernel_settings.shown_as_wanted(), kubelet()]
        return [*command, *merged(flags, settings.extra_args.get("kubelet", ()))]

    def _kube_proxy(self) -> list[str | Path]:
        settings = self._settings
        flags: dict[str, object] = {
            "kubeconfig": self._kubeconfig("kube-proxy"),
            "cluster-cidr": settings.network.pods,
            "hostname-override": settings.node_name,
            "proxy-mode": "iptables",
            "healthz-bind-address": "127.0.0.1",
            # connection tracking limits belong to the lab's host
            "conntrack-max-per-core": "0",
            "conntrack-tcp-timeout-established": "0s",
            "conntrack-tcp-timeout-close-wait": "0s",
        }
        return [program("kube-proxy"), *merged(flags, settings.extra_args.get("kube-proxy", ()))]

    def _kubeconfig(self, name: str) -> Path:
        return kubeconfig.for_component(
            self._agent / f"{name}.kubeconfig",
            server=self._api_url,
            ca=self._agent / "server-ca.crt",
            certificate=self._agent / f"client-{name}.crt",
        )
