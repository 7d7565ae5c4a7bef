"""What the phases of an upgrade share."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.fleet import Role
from koprogo_fleet.hosts.k3s.release import Release
from koprogo_fleet.hosts.k3s.upgrade import UpgradePlan
from koprogo_fleet.kube.client import Cluster
from koprogo_fleet.kube.drain import SECONDS
from koprogo_fleet.workflows.access import api_tunnel
from koprogo_fleet.workflows.context import Context
from koprogo_tasks import Artifact

NODE_SECONDS = 300.0
VOLUME_SECONDS = 1800.0
SNAPSHOT = "before-upgrade"


@dataclass(frozen=True)
class Options:
    """
    How an upgrade goes.

    Attributes:
        node_seconds: how long a node may take until it is back with the new release; then it gets the former one again.
        drain_seconds: how long a drain may take.
        volume_seconds: how long Longhorn may take to have rebuilt its volumes after a node.
        batch: how many agents at a time, or which part of them ("20%").
    """

    node_seconds: float = NODE_SECONDS
    drain_seconds: float = SECONDS
    volume_seconds: float = VOLUME_SECONDS
    batch: int | str = 1


@dataclass
class Upgrade:
    """One upgrade: its run, and what the phases found. *plan* is None until the first of them has looked."""

    run: Context
    wanted: Release
    options: Options
    plan: UpgradePlan | None = None
    artifacts: Sequence[Artifact] = ()

    @property
    def todo(self) -> UpgradePlan:
        """The plan."""
        assert self.plan is not None  # noqa: S101 - the phases' order guarantees it
        return self.plan

    def tell(self, sentence: str) -> None:
        """Tell a person."""
        self.run.listener(Note(sentence))

    @contextmanager
    def cluster(self, without: Iterable[str] = ()) -> Generator[Cluster]:
        """
        Reach the Kubernetes API, through another server than *without* where there is one: those are restarted.

        Raises:
            KubernetesError: no control plane can be reached.
        """
        run = self.run
        assert run.nornir is not None  # noqa: S101 - the run has opened it
        if run.signatures:
            run.signatures.keep_login()
        servers = sorted(run.of_role(Role.SERVER), key=lambda name: name in set(without))
        with api_tunnel(run.nornir, servers, run.state) as kubeconfig, Cluster.from_file(kubeconfig) as cluster:
            yield cluster


def first_line(error: KoprogoError) -> str:
    """Return the first line of what was seen."""
    return error.seen.partition("\n")[0]
