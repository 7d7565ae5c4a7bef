"""``k3s agent``: a node that joins through any server, and goes on when that server is lost."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import NoReturn

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab.standin.node.balancer import Balancer
from koprogo_fleet.lab.standin.node.join import Server, client_context
from koprogo_fleet.lab.standin.node.layout import BALANCER_PORT
from koprogo_fleet.lab.standin.node.log import log
from koprogo_fleet.lab.standin.node.loops import every
from koprogo_fleet.lab.standin.node.node import Node
from koprogo_fleet.lab.standin.node.node_password import own_password
from koprogo_fleet.lab.standin.node.notify import notify
from koprogo_fleet.lab.standin.node.programs import AGENT_PROGRAMS, wait_for_programs
from koprogo_fleet.lab.standin.node.settings import ClusterNetwork, Settings
from koprogo_fleet.lab.standin.node.tokens import Token
from koprogo_fleet.lab.standin.node.wire import Api

LOCAL_API = f"https://127.0.0.1:{BALANCER_PORT}"
CONNECT_SECONDS = 600
SERVERS_SECONDS = 10
REFUSALS = ("token CA hash", "401", "403", "CERTIFICATE_VERIFY_FAILED")
"""What another try does not change."""


class K3sAgent:
    """One agent; :meth:`start` is the runbook."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stopping = threading.Event()
        self._node: Node | None = None

    def start(self) -> None:
        """
        Join, and tell systemd once the node is registered.

        Raises:
            KoprogoError: the node cannot join; the process is expected to end, and systemd to start it again.
        """
        settings = self._settings
        if settings.token is None:
            raise KubernetesError("--token is required")
        assert settings.server  # noqa: S101 - settings_from() has checked it
        balancer = Balancer(settings.layout.agent, settings.server)
        balancer.start()
        wait_for_programs(AGENT_PROGRAMS)
        server = self._connect(settings.token, settings.server)
        network = ClusterNetwork(**server.get("/v1-k3s/config").json())
        self._fetch_certificates(server)
        agent = settings.layout.agent
        context = client_context(agent / "server-ca.crt", agent / "client-kubelet.crt")
        self._node = Node(
            replace(settings, network=network), LOCAL_API, lambda: Api("127.0.0.1", BALANCER_PORT, context)
        )
        self._node.start(self._stopping)
        notify("READY=1")
        log.info("k3s agent is up and running")

        def learn_servers() -> None:
            pairs = [str(text).rpartition(":") for text in server.get("/v1-k3s/apiservers").json()]
            balancer.set_servers((host, int(port)) for host, _, port in pairs)

        every(SERVERS_SECONDS, "server addresses", learn_servers, self._stopping)

    def stop(self) -> None:
        """Take every component down; pods go on."""
        self._stopping.set()
        if self._node:
            self._node.stop()

    def _connect(self, token: Token, url: str) -> Server:
        def observe() -> Server:
            try:
                server = Server("127.0.0.1", BALANCER_PORT, token, user="node")
                server.get("/v1-k3s/readyz").success()
            except KubernetesError as error:
                _explain(url, error)
            return server

        return wait_for(f"the cluster at {url}", observe, seconds=CONNECT_SECONDS, interval=2)

    def _fetch_certificates(self, server: Server) -> None:
        agent = self._settings.layout.agent
        write_atomically(agent / "server-ca.crt", server.ca_pem)
        write_atomically(agent / "client-ca.crt", server.get("/v1-k3s/client-ca.crt").success())
        headers = {
            "K3s-Node-Name": self._settings.node_name,
            "K3s-Node-IP": self._settings.node_ip,
            "K3s-Node-Password": own_password(),
        }
        for name in ("client-kubelet", "serving-kubelet", "client-kube-proxy"):
            server.certify(f"/v1-k3s/{name}.crt", agent / f"{name}.crt", headers)


def _explain(url: str, error: KubernetesError) -> NoReturn:
    """Say what went wrong as K3s does; only what may pass by itself is tried again."""
    seen = f"Failed to validate connection to cluster at {url}: {error}"
    if any(refusal in str(error) for refusal in REFUSALS):
        raise KubernetesError(seen) from error
    log.error(seen)
    raise NotYet(seen) from error
