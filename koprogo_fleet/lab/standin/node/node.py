"""What servers and agents have in common: they run pods."""

from __future__ import annotations

import threading
from collections.abc import Callable

from koprogo_fleet.core.errors import KubernetesError, MissingRequirement
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab.standin.node import pod_network
from koprogo_fleet.lab.standin.node.containerd import Containerd
from koprogo_fleet.lab.standin.node.kubelet import NodeComponents
from koprogo_fleet.lab.standin.node.log import log
from koprogo_fleet.lab.standin.node.loops import every
from koprogo_fleet.lab.standin.node.settings import Settings
from koprogo_fleet.lab.standin.node.wire import Api

REGISTER_SECONDS = 180
ROUTE_SECONDS = 2
HOST_GATEWAY = "host-gw"


class Node:
    """
    The container runtime, kubelet, kube-proxy and pod network of one machine.

    Args:
        api: makes a client that may read nodes.
    """

    def __init__(self, settings: Settings, api_url: str, api: Callable[[], Api]) -> None:
        self._settings = settings
        self._api = api
        self._containerd = Containerd(settings.layout, settings.registries)
        self._components = NodeComponents(settings, api_url)
        self._has_network = False

    def start(self, stopping: threading.Event) -> bool:
        """
        Start everything and return once the node is registered.

        Returns:
            False where this machine cannot run containers: nothing is started then, and the log says why.

        Raises:
            KubernetesError: a component ended by itself; carries its reason.
            WaitTimeout: the node was not registered.
        """
        backend = self._settings.network.flannel_backend
        pod_network.require_backend(backend)
        if backend != HOST_GATEWAY:
            log.warning("stand-in: flannel-backend %s asked, %s used", backend, HOST_GATEWAY)
        try:
            self._containerd.start()
            pod_network.ensure_forwarding(self._settings.network.pods)
            self._components.start()
        except MissingRequirement as error:
            log.error("stand-in: no kubelet on this node: %s", error)
            return False
        api = self._api()

        def observe() -> None:
            self._components.kubelet.require_running()
            try:
                if api.get(f"/api/v1/nodes/{self._settings.node_name}") is None:
                    raise NotYet("no such node yet")
            except KubernetesError as error:
                raise NotYet(str(error)) from error

        wait_for("the kubelet to register this node", observe, seconds=REGISTER_SECONDS, interval=0.5)
        mtu = pod_network.mtu_towards(self._settings.node_ip)
        every(ROUTE_SECONDS, "pod network", lambda: self._sync_network(api, mtu), stopping)
        return True

    def stop(self) -> None:
        """Stop the components; pods go on."""
        for child in (self._components.kubelet, self._components.kube_proxy, self._containerd.child):
            child.stop()

    def _sync_network(self, api: Api, mtu: int) -> None:
        nodes = api.items("/api/v1/nodes")
        own = next((node for node in nodes if node["metadata"]["name"] == self._settings.node_name), None)
        if own and (pods := own["spec"].get("podCIDR")):
            pod_network.write_cni_config(self._settings.layout.cni_config, pods, mtu)
        pod_network.sync_routes(pod_network.peers_of(nodes, self._settings.node_name))
