"""Proof that the cluster is what it should be: asked of the cluster itself, not of what was done."""

from __future__ import annotations

from ipaddress import IPv4Address

import requests

from koprogo_fleet.core.fleet import Role
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.helm.release import HttpProbe, Release
from koprogo_fleet.helm.smoke import wait_until_well
from koprogo_fleet.hosts.k3s.health import explain
from koprogo_fleet.kube.client import Cluster
from koprogo_fleet.workflows.answers import expects_proxy_protocol, not_answered, urls_of
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.release_files import read_releases
from koprogo_tasks import http_statuses, k3s_health

PHASE = "Verify"
READY_SECONDS = 180.0
ANSWER_SECONDS = 60.0
CALL_SECONDS = 5.0


def verify(run: Context) -> None:
    """
    Check nodes, etcd, and the probes and smoke tests of the releases: on every worker, and through the load balancer.

    Raises:
        WaitTimeout: a node does not become Ready, an etcd member not healthy, or a probe or a test is not answered.
    """
    with run.cluster() as (cluster, _):
        wait_for(
            f"all {len(run.fleet.nodes)} nodes Ready",
            lambda: _nodes_ready(run, cluster),
            seconds=READY_SECONDS,
            listener=run.listener,
            next_step="koprogo-fleet k3s status; on the node: journalctl -u k3s -u k3s-agent -n 100",
        )
    _etcd(run)
    _probes(run)


def _nodes_ready(run: Context, cluster: Cluster) -> None:
    ready = {node.name for node in cluster.nodes() if node.ready}
    if missing := [node.name for node in run.fleet.nodes if node.name not in ready]:
        raise NotYet(f"not Ready: {', '.join(missing)}")


def _etcd(run: Context) -> None:
    """Wait for every member: one that is slow for a moment is not ill."""

    def look() -> None:
        outcomes = run.on_hosts(run.of_role(Role.SERVER), PHASE, k3s_health)
        healths = [outcome.value for outcome in outcomes.values()]
        if not all(health.etcd_healthy for health in healths):
            raise NotYet(explain(healths))

    wait_for(
        "every etcd member healthy",
        look,
        seconds=ANSWER_SECONDS,
        listener=run.listener,
        next_step="koprogo-fleet k3s status",
    )


def _probes(run: Context) -> None:
    """Ask every worker's NodePorts over the vRack, as the load balancer does; then the load balancer, as users do."""
    balancer = run.balancer_address
    for release in read_releases(run.directory).in_order:
        for probe in release.probes:
            if not expects_proxy_protocol(run.fleet, probe):
                _ask_workers(run, release, probe)
            if balancer is not None and run.fleet.agents and probe.node_port == run.fleet.ingress.http:
                _ask_balancer(run, balancer, release, probe)
        _smoke(run, release)


def _smoke(run: Context, release: Release) -> None:
    """Ask as users do, if there is anything to ask."""
    balancer = run.fleet.load_balancer
    entry = f"http://{run.balancer_address}:{balancer.http}" if balancer and run.balancer_address else None
    if release.smoke:
        wait_until_well(release.smoke, entry, seconds=ANSWER_SECONDS, listener=run.listener)


def _ask_workers(run: Context, release: Release, probe: HttpProbe) -> None:
    urls = urls_of(run.fleet, probe)
    first = run.fleet.first_server.name

    def answered() -> None:
        if wrong := not_answered(run.on_hosts([first], PHASE, http_statuses, urls=urls)[first].value, probe):
            raise NotYet(wrong)

    wait_for(
        f"release {release.name} answering {probe.status} on every worker",
        answered,
        seconds=ANSWER_SECONDS,
        listener=run.listener,
        cause="its pods are not ready, or the NodePort is not open in the vRack",
        next_step=f"kubectl -n {release.namespace} get pods,endpoints; on a worker: ufw status",
    )


def _ask_balancer(run: Context, address: IPv4Address, release: Release, probe: HttpProbe) -> None:
    assert run.fleet.load_balancer is not None  # noqa: S101 - it has the address
    url = f"http://{address}:{run.fleet.load_balancer.http}{probe.path}"
    with requests.Session() as session:
        session.trust_env = False  # a proxy would answer for it

        def answered() -> None:
            try:
                status = session.get(url, timeout=CALL_SECONDS, allow_redirects=False).status_code
            except requests.RequestException as error:
                raise NotYet(f"{url}: no answer ({type(error).__name__})") from error
            if status != probe.status:
                raise NotYet(f"{url}: {status}")

        wait_for(
            f"release {release.name} answering {probe.status} through the load balancer",
            answered,
            seconds=ANSWER_SECONDS,
            listener=run.listener,
            cause="the load balancer's members are not healthy yet, or this machine cannot reach its address",
            next_step="koprogo-fleet cloud plan; look at the load balancer's members in the OVH manager",
        )
