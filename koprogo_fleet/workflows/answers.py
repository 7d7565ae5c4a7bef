"""Whether releases answer from outside: their NodePorts, asked of every worker over the vRack, as a load balancer does."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock

from nornir.core import Nornir

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.events import ignore
from koprogo_fleet.core.fleet import Fleet, Role
from koprogo_fleet.helm.engine import Asked
from koprogo_fleet.helm.release import HttpProbe, Release
from koprogo_fleet.runner.run import run_on
from koprogo_tasks import http_statuses


def expects_proxy_protocol(fleet: Fleet, probe: HttpProbe) -> bool:
    """Say whether only the load balancer can ask: an ingress that expects the PROXY protocol refuses all others."""
    balancer = fleet.load_balancer
    is_ingress = probe.node_port in {fleet.ingress.http, fleet.ingress.https}
    return is_ingress and balancer is not None and balancer.proxy_protocol != "none"


def urls_of(fleet: Fleet, probe: HttpProbe) -> list[str]:
    """Return what is asked: one URL a worker."""
    workers = [node for node in fleet.nodes if node.role is Role.AGENT]
    return [f"http://{worker.vrack_address}:{probe.node_port}{probe.path}" for worker in workers]


def not_answered(statuses: Mapping[str, int], probe: HttpProbe) -> str:
    """Return which URLs did not answer as the probe wants, in words."""
    return ", ".join(f"{url}: {status or 'no answer'}" for url, status in statuses.items() if status != probe.status)


def answers_on(nornir: Nornir, fleet: Fleet) -> Asked:
    """Return what asks a release's probes, through the first control plane, one release at a time."""
    lock, first = Lock(), fleet.first_server.name

    def ask(release: Release) -> str:
        for probe in release.probes:
            if expects_proxy_protocol(fleet, probe):
                continue
            with lock:
                outcome = run_on(nornir, [first], "Probe", http_statuses, ignore, {"urls": urls_of(fleet, probe)})[
                    first
                ]
            error: KoprogoError | None = outcome.error
            if wrong := error.seen if error else not_answered(outcome.value, probe):
                return wrong
        return ""

    return ask
