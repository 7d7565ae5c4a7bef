"""What the phases of one run share."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from nornir.core import Nornir
from nornir.core.task import Result

from koprogo_fleet.core.events import Listener
from koprogo_fleet.core.fleet import Fleet, Node, Role
from koprogo_fleet.core.journal import Journal
from koprogo_fleet.core.paths import state_dir
from koprogo_fleet.helm.binary import Tools
from koprogo_fleet.hosts.k3s.founding import Standing
from koprogo_fleet.hosts.k3s.node import Tokens
from koprogo_fleet.hosts.k3s.presence import Presence
from koprogo_fleet.hosts.k3s.setup import Setup
from koprogo_fleet.inventory.documents import KNOWN_HOSTS, private_key_of
from koprogo_fleet.kube.client import Cluster
from koprogo_fleet.kube.drain import SECONDS
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.provision.plan import Plan
from koprogo_fleet.runner.outcome import Outcome
from koprogo_fleet.runner.run import run_on
from koprogo_fleet.ssh.host_keys import KnownHosts
from koprogo_fleet.vault.client import Vault
from koprogo_fleet.workflows.access import KUBECONFIG, api_tunnel
from koprogo_fleet.workflows.certificates import Signatures
from koprogo_fleet.workflows.nornir import open_nornir
from koprogo_fleet.workflows.run import Report, stop_at_failure
from koprogo_fleet.workflows.target import Target
from koprogo_tasks import Artifact, Download

RETRIES = 5
"""For a connection that is lost, or a node that reboots, under a change: about half a minute in all."""


@dataclass
class Context:
    """
    One run over one fleet.

    Attributes:
        directory: ``inventory/<env>``.
        dry_run: look and tell, change nothing.
        boot_seconds: how long a new node may take until it answers SSH.
        confirmed: the names of the objects at OVH that may be deleted or replaced with what they hold.
        lost: the names of workers that are dead: they leave the cluster without being drained.
        drain_seconds: how long it may take until the last pod has left a worker.
        budget: what the fleet may cost a month, in the catalogue's currency; None where nobody says so.
        wanted: what has to be done at OVH; None until the first phase has looked.
        nodes_exist: whether OVH has any node of the fleet; known after the first phase.
        balancer_address: the load balancer's public one, once the cloud phase has it; None where there is none.
        signatures: what Vault signs for the run; None where fleet.yaml has no certificates.
        journal: where the run is written down; None in a plan, which changes nothing.
        nornir: None until the phase that writes the inventory.
        tools: Helm and kubectl; None until the phase that gets them.
        artifacts: the K3s binary and images of each host; empty until the phase that gets them.
        setup: how K3s is set up on every node; None until the phase that finds it out.
        passwords: of the K3s cluster; None until the phase that reads or makes them.
        presence: what each node showed of K3s when it was looked at last.
        standing: who has the cluster and who joins it, as of that look; None before it.
        founded: this run began the cluster: it knows nobody yet.
    """

    fleet: Fleet
    directory: Path
    target: Target
    api: OvhApi
    vault: Vault
    listener: Listener
    dry_run: bool
    report: Report
    signatures: Signatures | None = None
    journal: Journal | None = None
    boot_seconds: float = 0.0
    confirmed: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    drain_seconds: float = SECONDS
    budget: Decimal | None = None
    wanted: Plan | None = None
    nodes_exist: bool = False
    balancer_address: IPv4Address | None = None
    nornir: Nornir | None = None
    tools: Tools | None = None
    artifacts: Mapping[str, Sequence[Artifact | Download]] = field(default_factory=dict)
    setup: Setup | None = None
    passwords: Tokens | None = None
    presence: Mapping[str, Presence] = field(default_factory=dict)
    standing: Standing | None = None
    founded: bool = False

    @property
    def state(self) -> Path:
        """The fleet's private directory."""
        return state_dir(self.fleet.name)

    @property
    def private_key(self) -> Path:
        """The file of the SSH key that we log in with."""
        return private_key_of(self.fleet)

    @property
    def known_hosts(self) -> KnownHosts:
        """The nodes' host keys, made before the nodes."""
        return KnownHosts(self.directory / KNOWN_HOSTS)

    @property
    def kubeconfig(self) -> Path:
        """Where the administrator's kubeconfig is kept (0600)."""
        return self.state / KUBECONFIG

    @property
    def hosts(self) -> tuple[str, ...]:
        """The names in the inventory."""
        return tuple(self.nornir.inventory.hosts) if self.nornir else ()

    def present(self, nodes: Iterable[Node]) -> list[str]:
        """Return the names of those *nodes* that are in the inventory."""
        return [node.name for node in nodes if node.name in self.hosts]

    def of_role(self, role: Role) -> list[str]:
        """Return the names of the nodes in the inventory that have *role*, in fleet.yaml's order."""
        return self.present(node for node in self.fleet.nodes if node.role is role)

    def open_inventory(self) -> None:
        """Read the inventory files, now that they are right."""
        self.nornir = open_nornir(self.directory, retries=0 if self.dry_run else RETRIES)

    def on_hosts(
        self, hosts: Iterable[str], phase: str, task: Callable[..., Result], **options: Any
    ) -> dict[str, Outcome]:
        """
        Run a Nornir task on *hosts* and put its outcomes into the report.

        Our certificate is renewed first, if it has to be: connections that are opened on the way find one that lasts.

        Raises:
            KoprogoError: a host failed, which stops the workflow.
            Interrupted: a person stopped it.
        """
        assert self.nornir is not None  # noqa: S101 - the phases' order guarantees it
        if self.signatures:
            self.signatures.keep_login()
        keep = partial(self.report.add, phase)
        outcomes = run_on(self.nornir, hosts, phase, task, self.listener, options, keep=keep)
        stop_at_failure(outcomes.values())
        return outcomes

    @contextmanager
    def cluster(self) -> Generator[tuple[Cluster, Path]]:
        """
        Reach the Kubernetes API while the block runs.

        Yields:
            a client, and the path of a kubeconfig (0600) for programs such as Helm.

        Raises:
            KubernetesError: no control plane can be reached.
        """
        assert self.nornir is not None  # noqa: S101 - the phases' order guarantees it
        if self.signatures:
            self.signatures.keep_login()
        with (
            api_tunnel(self.nornir, self.of_role(Role.SERVER), self.state) as kubeconfig,
            Cluster.from_file(kubeconfig) as cluster,
        ):
            yield cluster, kubeconfig
