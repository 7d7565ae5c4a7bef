"""Whether the fleet keeps its service level objectives."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from koprogo_fleet.core.errors import PrometheusError
from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.loader import load_fleet
from koprogo_fleet.core.paths import state_dir
from koprogo_fleet.kube.client import Cluster
from koprogo_fleet.slo.model import Objective, PrometheusService
from koprogo_fleet.slo.prometheus import Ask, query_path, samples_of
from koprogo_fleet.slo.verdict import Judged, Sample, judge
from koprogo_fleet.workflows.access import api_tunnel
from koprogo_fleet.workflows.certificates import logged_in
from koprogo_fleet.workflows.nornir import open_nornir
from koprogo_fleet.workflows.target import Choice


def measure(objectives: Sequence[Objective], ask: Ask) -> tuple[Judged, ...]:
    """
    Ask for each objective, and return how it stands.

    Raises:
        PrometheusError: it does not answer, or refuses a query, which is named.
    """
    return tuple(judge(objective, _asked(objective, ask)) for objective in objectives)


def _asked(objective: Objective, ask: Ask) -> tuple[Sample, ...]:
    try:
        return ask(objective.query)
    except PrometheusError as error:
        raise PrometheusError(
            f"objective {objective.name}: {error.seen}", cause=error.cause, next_step=error.next_step
        ) from error


@contextmanager
def through_the_cluster(
    directory: Path, choice: Choice, service: PrometheusService, listener: Listener
) -> Generator[Ask]:
    """
    Yield what asks the Prometheus inside the fleet's cluster: through the SSH tunnel, by the API server's proxy.

    Raises:
        KubernetesError: no control plane can be reached, or there is no such Service.
    """
    fleet = load_fleet(directory / "fleet.yaml")
    servers = [node.name for node in fleet.servers]
    with (
        logged_in(fleet, choice, listener),
        api_tunnel(open_nornir(directory), servers, state_dir(fleet.name)) as kubeconfig,
        Cluster.from_file(kubeconfig) as cluster,
    ):
        yield asking_service(cluster, service)


def asking_service(cluster: Cluster, service: PrometheusService) -> Ask:
    """Return what asks the Prometheus behind a Service of *cluster*."""

    def ask(query: str) -> tuple[Sample, ...]:
        return samples_of(*cluster.ask_service(service.namespace, service.name, service.port, query_path(query)))

    return ask
