"""One node that leaves its cluster, alive or dead: looked at, drained, out of etcd, out of Kubernetes, cleaned."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import HostKeyMismatch, InputError, KoprogoError, WaitTimeout
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.fleet import Fleet, Node, Role
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.core.wording import did_you_mean
from koprogo_fleet.hosts.k3s.founding import may_leave, standing
from koprogo_fleet.hosts.k3s.presence import Member, Presence
from koprogo_fleet.kube.client import Cluster
from koprogo_fleet.runner.run import run_on
from koprogo_fleet.workflows.access import api_tunnel
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.inventory import sync_files
from koprogo_fleet.workflows.nornir import open_nornir
from koprogo_fleet.workflows.phases.claim import claim_hosts, still_ours
from koprogo_fleet.workflows.phases.leave import empty
from koprogo_fleet.workflows.phases.standing import forget_node
from koprogo_tasks import clean_k3s, k3s_presence, read_kubeconfig, remove_etcd_member, stop_k3s

PHASE = "Node"
REMOVAL_SECONDS = 75.0
"""K3s gives itself a minute to remove a member (``pkg/etcd``); a lease of its own may have to change hands first."""
ETCD = "etcd.k3s.cattle.io"


def node_named(fleet: Fleet, name: str) -> Node:
    """
    Return the node of fleet.yaml with that name.

    Raises:
        InputError: there is none, or it is the only control plane.
    """
    names = [node.name for node in fleet.nodes]
    if name not in names:
        raise InputError(
            f'there is no node "{name}" in fleet.yaml{did_you_mean(name, names)}',
            next_step=f"one of: {', '.join(names)}",
        )
    if [server.name for server in fleet.servers] == [name]:
        raise InputError(
            f"{name} is the only control plane: without it there is no cluster",
            next_step="koprogo-fleet scale to three control planes first; or restore the cluster from a snapshot",
        )
    return next(node for node in fleet.nodes if node.name == name)


@dataclass
class Life:
    """
    What is known of the node that leaves; the phases are its methods, each may be done twice.

    Attributes:
        node: which one.
        gives_up: a node that is not Ready counts as dead: its pods are not waited for.
        goes: its machine is deleted: whatever answers at its address does not matter.
        new_key: the host key of another machine, which OVH shows by its name; it is enrolled before that joins.
        answers: it can be logged in to.
        shown: what it shows of K3s; nothing where it does not answer.
        known: the cluster has a Node of its name.
        ready: that is Ready.
        member: its member of etcd, of this life or a former one.
        anchor: the control plane through which everything is done.
        living: the nodes that answer.
    """

    node: Node
    gives_up: bool = False
    goes: bool = False
    new_key: str = ""
    answers: bool = False
    shown: Presence = field(default_factory=Presence)
    known: bool = False
    ready: bool = False
    member: Member | None = None
    anchor: str = ""
    living: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The node's name."""
        return self.node.name

    @property
    def is_fresh(self) -> bool:
        """Whether the machine answers, and has never been a node: there is nothing on it to lose."""
        shown = self.shown
        has_lived = shown.has_data or shown.joined or shown.registered
        return self.answers and not (has_lived or self.known or self.member)

    def look(self, run: Context) -> None:
        """
        Look at every node that answers and at the cluster, and stop before anything is done if it must not be.

        Raises:
            KoprogoError: no other control plane serves, or the others would have no quorum without this one.
        """
        sync_files(run.api, run.fleet, run.directory)
        run.open_inventory()
        seen = self._seen(run)
        self.living = tuple(name for name, shown in seen.items() if shown is not None)
        shown = seen.get(self.name)
        self.answers, self.shown = shown is not None, shown or Presence()
        others = [server for server in run.fleet.servers if server.name != self.name]
        found = standing(others, seen, [name for name, shown in seen.items() if shown and shown.joined])
        if found.anchor is None:
            raise KoprogoError(
                f"{self.name} cannot leave: no other control plane serves the cluster",
                cause="there is none yet, or etcd has no quorum",
                next_step="koprogo-fleet k3s status",
            )
        self.anchor = found.anchor
        self._refuse_if_needed(run, seen)
        fetched: Secret = run.on_hosts([self.anchor], PHASE, read_kubeconfig)[self.anchor].value
        write_atomically(run.kubeconfig, f"{fetched.reveal()}\n", mode=0o600)
        with self._cluster(run) as cluster:
            mine = [node for node in cluster.nodes() if node.name == self.name]
        self.known, self.ready = bool(mine), any(node.ready for node in mine)
        self._tell(run)

    def claim(self, run: Context) -> None:
        """Claim the nodes that answer."""
        claim_hosts(run, self.living)

    def drain(self, run: Context) -> None:
        """
        Empty the node as its pods' disruption budgets allow.

        Raises:
            KubernetesError: a pod has no controller, so that nobody would make it again.
            WaitTimeout: pods stay on it, or it is not Ready and nobody said that it is dead.
        """
        if not self.known:
            return
        still_ours(run)
        dead = run.lost | ({self.name} if self.gives_up and not self.ready else set())
        with self._cluster(run) as cluster:
            empty(cluster, [self.name], dead, seconds=run.drain_seconds, listener=run.listener)

    def leave_etcd(self, run: Context) -> None:
        """
        Stop K3s on a control plane that is alive, and have the others remove its member, as K3s itself does it.

        Raises:
            KoprogoError: the member stays.
        """
        if self.answers and self.node.role is Role.SERVER:
            run.on_hosts([self.name], PHASE, stop_k3s)
        if self.member is None:
            return
        still_ours(run)
        if self.known:
            self._have_it_removed(run)
        run.on_hosts([self.anchor], PHASE, remove_etcd_member, member=self.member)
        run.listener(Note(f"etcd has no member {self.member.name} any more"))

    def leave_cluster(self, run: Context) -> None:
        """Delete the Node, with K3s' password of it; K3s is stopped before, for a kubelet that starts registers itself."""
        if self.answers:
            run.on_hosts([self.name], PHASE, stop_k3s)
        still_ours(run)
        with self._cluster(run) as cluster:
            forget_node(cluster, self.name)
        run.listener(Note(f"node {self.name} left the cluster"))

    def clean(self, run: Context) -> None:
        """Take K3s off the machine, if that lives on."""
        if self.answers:
            run.on_hosts([self.name], PHASE, clean_k3s)
        else:
            run.listener(Note(f"{self.name} does not answer: K3s was not removed from it"))

    def _seen(self, run: Context) -> dict[str, Presence | None]:
        nornir = open_nornir(run.directory, max_failures="100%")
        try:
            outcomes = run_on(nornir, run.hosts, PHASE, k3s_presence, run.listener)
        finally:
            nornir.close_connections()
        error = outcomes[self.name].error if self.name in outcomes else None
        if isinstance(error, HostKeyMismatch) and not (self.goes or self.new_key):
            raise error
        return {name: outcome.value for name, outcome in outcomes.items()}

    def _refuse_if_needed(self, run: Context, seen: dict[str, Presence | None]) -> None:
        if self.node.role is not Role.SERVER:
            return
        anchor = seen[self.anchor]
        members = anchor.members if anchor else ()
        address = str(self.node.vrack_address)
        self.member = next((member for member in members if member.is_of(self.name, address)), None)
        healthy = [name for name, shown in seen.items() if shown and shown.serves]
        if self.member and (reason := may_leave(self.node, run.fleet.servers, members, healthy)):
            raise KoprogoError(
                f"{self.name} must not leave now: {reason}",
                cause="another control plane is down or on its way; nothing was changed",
                next_step="mend that one first: koprogo-fleet k3s status",
            )

    def _tell(self, run: Context) -> None:
        found = []
        if self.known:
            state = "Ready: drained first" if self.ready else "not Ready: its pods are given up"
            found.append(Difference(Operation.DELETE, f"node {self.name}", "in the cluster", state))
        if self.member:
            found.append(Difference(Operation.DELETE, f"etcd member {self.member.name}", self.member.address))
        run.report.differences += found

    def _have_it_removed(self, run: Context) -> None:
        """Ask K3s to remove the member, and wait for its word; what it does not do is done at etcd itself afterwards."""
        with self._cluster(run) as cluster:
            marked = {"name": self.name, "annotations": {f"{ETCD}/remove": "true"}}
            cluster.apply({"apiVersion": "v1", "kind": "Node", "metadata": marked})

            def look() -> None:
                node = cluster.get("v1", "Node", self.name) or {}
                annotations = (node.get("metadata") or {}).get("annotations") or {}
                if not annotations.get(f"{ETCD}/removed-node-name"):
                    raise NotYet("the annotation removed-node-name is not there yet")

            try:
                wait_for(f"K3s to remove {self.name} from etcd", look, seconds=REMOVAL_SECONDS, listener=run.listener)
            except WaitTimeout as error:
                run.listener(Note(f"{error.seen}; it is removed at etcd itself"))

    @contextmanager
    def _cluster(self, run: Context) -> Generator[Cluster]:
        """Reach the API through a control plane that stays."""
        assert run.nornir is not None  # noqa: S101 - look() opens it
        with (
            api_tunnel(run.nornir, [self.anchor], run.state) as kubeconfig,
            Cluster.from_file(kubeconfig) as cluster,
        ):
            yield cluster
