"""The API server, the controller manager and the scheduler of one server, with K3s' flags."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from koprogo_fleet.core.errors import KubernetesError
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.lab.standin.node import kubeconfig
from koprogo_fleet.lab.standin.node.arguments import merged
from koprogo_fleet.lab.standin.node.children import Child
from koprogo_fleet.lab.standin.node.etcd import LOCAL as LOCAL_ETCD
from koprogo_fleet.lab.standin.node.join import client_context
from koprogo_fleet.lab.standin.node.layout import API_PORT, LOCAL_API_ADDRESS
from koprogo_fleet.lab.standin.node.programs import minor_version, program
from koprogo_fleet.lab.standin.node.settings import Settings
from koprogo_fleet.lab.standin.node.wire import Api

READY_SECONDS = 180
LOCAL_API = f"https://{LOCAL_API_ADDRESS}:{API_PORT}"
INSECURE_PORTS_UNTIL = 22
"""The last minor version whose components serve plain HTTP unless told ``--port=0``."""

RELOADS_ENCRYPTION_SINCE = 26
"""The first minor version whose API server can read its encryption configuration again while it runs."""
RELOAD_SECONDS = 70
"""It looks once a minute."""

PATIENT_ELECTION = {
    "leader-elect-lease-duration": "20s",
    "leader-elect-renew-deadline": "15s",
    "leader-elect-retry-period": "3s",
}
"""Losing an election ends the process: on a machine that all nodes share, a busy moment must not be taken for a death."""


class ControlPlane:
    """The three components of one server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tls = settings.layout.tls
        logs = settings.layout.server_logs
        self.api_server = Child("kube-apiserver", self._api_server, logs / "kube-apiserver.log")
        self.controller_manager = Child(
            "kube-controller-manager", self._controller_manager, logs / "kube-controller-manager.log"
        )
        self.scheduler = Child("kube-scheduler", self._scheduler, logs / "kube-scheduler.log")

    def api(self) -> Api:
        """Return a new client of this server's API server, with every right."""
        context = client_context(self._tls / "server-ca.crt", self._tls / "client-supervisor.crt")
        return Api(LOCAL_API_ADDRESS, API_PORT, context)

    def start(self) -> None:
        """
        Start all three, and return once the API server is ready.

        Raises:
            KubernetesError: the API server ended by itself; carries its reason.
            WaitTimeout: it did not become ready.
        """
        self.api_server.start()
        self._wait_until_ready(self.api_server.require_running)
        self.controller_manager.start()
        self.scheduler.start()

    def reload_encryption(self) -> None:
        """
        Return when the API server has read its encryption configuration again: old ones are restarted for it.

        Raises:
            WaitTimeout: it did not become ready again.
        """
        if minor_version() >= RELOADS_ENCRYPTION_SINCE:
            time.sleep(RELOAD_SECONDS)
            return
        before = self.api_server.failures

        def ended() -> None:
            if self.api_server.failures == before:
                raise NotYet("it has not ended yet")

        self.api_server.restart()
        self._wait_until_ready(ended)

    def _wait_until_ready(self, require_running: Callable[[], None]) -> None:
        api = self.api()

        def observe() -> None:
            require_running()
            try:
                answer = api.call("GET", "/readyz")
            except KubernetesError as error:
                raise NotYet(str(error)) from error
            if not answer.ok:
                raise NotYet(f"{answer.status}: {answer.body.decode(errors='replace')[-200:]}")

        wait_for("kube-apiserver ready", observe, seconds=READY_SECONDS, interval=0.5)

    def _api_server(self) -> list[str | Path]:
        settings, tls = self._settings, self._tls
        etcd_tls = settings.layout.etcd_tls
        issuer = f"https://kubernetes.default.svc.{settings.network.domain}"
        flags = {
            "advertise-address": settings.advertise_address,
            "allow-privileged": "true",
            "anonymous-auth": "false",
            "api-audiences": f"{issuer},k3s",
            "authorization-mode": "Node,RBAC",
            "bind-address": LOCAL_API_ADDRESS,
            "client-ca-file": tls / "client-ca.crt",
            "enable-admission-plugins": "NodeRestriction",
            "etcd-cafile": etcd_tls / "server-ca.crt",
            "etcd-certfile": etcd_tls / "client.crt",
            "etcd-keyfile": etcd_tls / "client.key",
            "etcd-servers": LOCAL_ETCD,
            "kubelet-certificate-authority": tls / "server-ca.crt",
            "kubelet-client-certificate": tls / "client-kube-apiserver.crt",
            "kubelet-client-key": tls / "client-kube-apiserver.key",
            "kubelet-preferred-address-types": "InternalIP,ExternalIP,Hostname",
            "permit-port-sharing": "true",
            "profiling": "false",
            "proxy-client-cert-file": tls / "client-auth-proxy.crt",
            "proxy-client-key-file": tls / "client-auth-proxy.key",
            "requestheader-allowed-names": "system:auth-proxy",
            "requestheader-client-ca-file": tls / "request-header-ca.crt",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-username-headers": "X-Remote-User",
            "secure-port": API_PORT,
            "service-account-issuer": issuer,
            "service-account-key-file": tls / "service.key",
            "service-account-signing-key-file": tls / "service.key",
            "service-cluster-ip-range": settings.network.services,
            "service-node-port-range": settings.node_ports,
            "storage-backend": "etcd3",
            "tls-cert-file": tls / "serving-kube-apiserver.crt",
            "tls-private-key-file": tls / "serving-kube-apiserver.key",
        }
        if settings.layout.encryption_config.exists():
            flags["encryption-provider-config"] = settings.layout.encryption_config
            if minor_version() >= RELOADS_ENCRYPTION_SINCE:
                flags["encryption-provider-config-automatic-reload"] = "true"
        return self._command("kube-apiserver", flags)

    def _controller_manager(self) -> list[str | Path]:
        tls = self._tls
        config = self._kubeconfig("controller")
        flags = {
            "allocate-node-cidrs": "true",
            "authentication-kubeconfig": config,
            "authorization-kubeconfig": config,
            "bind-address": "127.0.0.1",
            "cluster-cidr": self._settings.network.pods,
            "cluster-signing-cert-file": tls / "client-ca.crt",
            "cluster-signing-key-file": tls / "client-ca.key",
            "configure-cloud-routes": "false",
            "kubeconfig": config,
            **PATIENT_ELECTION,
            "profiling": "false",
            "root-ca-file": tls / "server-ca.crt",
            "service-account-private-key-file": tls / "service.key",
            "service-cluster-ip-range": self._settings.network.services,
            "use-service-account-credentials": "true",
        }
        return self._command("kube-controller-manager", flags | _no_insecure_port())

    def _scheduler(self) -> list[str | Path]:
        config = self._kubeconfig("scheduler")
        flags = {
            "authentication-kubeconfig": config,
            "authorization-kubeconfig": config,
            "bind-address": "127.0.0.1",
            "kubeconfig": config,
            **PATIENT_ELECTION,
            "profiling": "false",
        }
        return self._command("kube-scheduler", flags | _no_insecure_port())

    def _kubeconfig(self, name: str) -> Path:
        return kubeconfig.for_component(
            self._settings.layout.credentials / f"{name}.kubeconfig",
            server=LOCAL_API,
            ca=self._tls / "server-ca.crt",
            certificate=self._tls / f"client-{name}.crt",
        )

    def _command(self, name: str, flags: dict[str, object]) -> list[str | Path]:
        return [program(name), *merged(flags, self._settings.extra_args.get(name, ()))]


def _no_insecure_port() -> dict[str, object]:
    return {"port": "0"} if minor_version() <= INSECURE_PORTS_UNTIL else {}
