"""Workers that leave: out of the pods' way, out of the load balancer, out of the cluster; only then may OVH delete them."""

from __future__ import annotations

from collections.abc import Callable, Collection

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import InputError, KubernetesError, WaitTimeout
from koprogo_fleet.core.events import Listener, Note, ignore
from koprogo_fleet.core.files import write_atomically
from koprogo_fleet.core.fleet import Fleet, Role
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.kube.client import Cluster
from koprogo_fleet.kube.drain import drain
from koprogo_fleet.ovh.instances import DELETED, OFF
from koprogo_fleet.provision.apply import apply
from koprogo_fleet.provision.kinds.instance import INSTANCE
from koprogo_fleet.provision.kinds.load_balancer import LOAD_BALANCER
from koprogo_fleet.provision.names import pool_of
from koprogo_fleet.provision.plan import Plan, Step
from koprogo_fleet.provision.step import Action
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.phases.nodes import inventory
from koprogo_tasks import k3s_is_installed, read_kubeconfig

PHASE = "Leave"
READY_SECONDS = 60.0
"""How long a worker that leaves may take to be Ready: one that only restarts is back by then."""


def leave(run: Context) -> None:
    """
    Drain the workers that the plan deletes or replaces, and take them out of the load balancer and the cluster.

    It comes before the phase that deletes their instances, and may be done twice: what has left already is not missed.

    Raises:
        InputError: the fleet is switched off.
        KubernetesError: the cluster cannot be asked, or a worker is dead or has pods that nobody would make again.
        WaitTimeout: a disruption budget holds a pod for longer than the run has patience.
    """
    assert run.wanted is not None  # noqa: S101 - the phases' order guarantees it
    leaving = workers_that_leave(run.wanted)
    if not leaving:
        return
    if not run.dry_run:
        check_that_it_runs(run.wanted)
    if not _cluster_exists(run, leaving):
        return
    run.report.differences += [
        Difference(Operation.DELETE, f"node {name}", "in the cluster", "drained first") for name in leaving
    ]
    if run.dry_run:
        return
    dead = run.lost | gone_at_ovh(run.wanted)
    with run.cluster() as (cluster, _):
        empty(cluster, leaving, dead, seconds=run.drain_seconds, listener=run.listener)
        _let_go(run, run.wanted)
        for name in leaving:
            cluster.delete("v1", "Node", name)  # with K3s' password of the node, so that another may have its name
            run.listener(Note(f"node {name} left the cluster"))


def workers_that_leave(wanted: Plan) -> tuple[str, ...]:
    """Return the names of the agents whose instances the plan deletes or replaces, in its order."""
    return tuple(
        step.ref.name
        for step in wanted.steps
        if step.kind is INSTANCE
        and step.action in {Action.DELETE, Action.REPLACE}
        and _is_agent(wanted.fleet, step.ref.name)
    )


def check_that_it_runs(wanted: Plan) -> None:
    """
    Do nothing, unless every control plane is switched off: then nobody can be asked to drain anything.

    Raises:
        InputError: the cluster is off.
    """
    off = {
        step.ref.name
        for step in wanted.steps
        if step.kind is INSTANCE and step.existing is not None and step.existing.value.status in OFF
    }
    if off.issuperset(server.name for server in wanted.fleet.servers):
        raise InputError(
            f"no worker can be drained: the control planes are off ({', '.join(sorted(off))})",
            cause="the fleet was switched off",
            next_step="koprogo-fleet power on; then run the same again",
        )


def gone_at_ovh(wanted: Plan) -> frozenset[str]:
    """Return the names of the instances that the plan replaces because OVH has them no more: nothing runs there."""
    return frozenset(
        step.ref.name
        for step in wanted.steps
        if step.kind is INSTANCE and step.existing is not None and step.existing.value.status in DELETED
    )


def empty(  # noqa: PLR0913 - what it needs, by name
    cluster: Cluster,
    leaving: Collection[str],
    dead: Collection[str],
    *,
    seconds: float,
    ready_seconds: float = READY_SECONDS,
    listener: Listener = ignore,
) -> None:
    """
    Drain every one of *leaving*, one after the other, but for the *dead*, whose pods nobody can ask to end.

    All are cordoned first, so that no pod moves from one to the next; after an error they stay so.

    Args:
        cluster: where.
        leaving: the nodes' names; those that the cluster does not know have left already.
        dead: the names of those that a person, or OVH, says are dead.
        seconds: how long each drain may take.
        ready_seconds: how long a node may take to be Ready before it counts as dead.
        listener: told what is waited for.

    Raises:
        KubernetesError: a pod has no controller, so that nobody would make it again.
        WaitTimeout: a node is not Ready, or pods stay on it; says why, and what goes on.
    """
    known = [name for name in leaving if cluster.cordon(name)]
    drained = [name for name in known if name not in dead]
    for name in drained:
        wait_for(
            f"{name} Ready, to be drained",
            _is_ready(cluster, name),
            seconds=ready_seconds,
            listener=listener,
            cause="its machine or its kubelet is dead: its pods cannot be asked to end",
            next_step=f"if it does not come back: {_give_up(name)}; if it stays: kubectl uncordon {' '.join(known)}",
        )
    for name in known:
        if name in dead:
            listener(Note(f"{name} is dead: not drained; the cluster makes its pods again elsewhere when it has left"))
            continue
        try:
            drain(cluster, name, seconds=seconds, listener=listener)
        except WaitTimeout as error:
            if name in {node.name for node in cluster.nodes() if node.ready}:
                raise
            raise KubernetesError(
                f"{name} died while it was drained: {error.seen}",
                cause="its machine or its kubelet is dead: its pods do not end",
                next_step=f"if it does not come back: {_give_up(name)}",
            ) from error
        listener(Note(f"{name} is drained"))


def _give_up(name: str) -> str:
    return f"the same again with --lost {name}, which gives up its pods without waiting for them"


def _is_agent(fleet: Fleet, name: str) -> bool:
    pool = pool_of(fleet, name)
    return pool is not None and pool.role is Role.AGENT


def _is_ready(cluster: Cluster, name: str) -> Callable[[], None]:
    def look() -> None:
        if name not in {node.name for node in cluster.nodes() if node.ready}:
            raise NotYet("NotReady")

    return look


def _let_go(run: Context, wanted: Plan) -> None:
    """Change the load balancer before the nodes lose their routes in the cluster: it sends nobody there then."""

    def lets_go(step: Step) -> bool:
        return step.kind is LOAD_BALANCER and step.action is Action.CHANGE

    apply(wanted.only(lets_go), run.api, keeper=run.vault, listener=run.listener)


def _cluster_exists(run: Context, leaving: Collection[str]) -> bool:
    """Say whether there is a cluster to leave; one that was made from another machine is asked for its kubeconfig."""
    if run.kubeconfig.exists():
        inventory(run)
        return True
    if run.nodes_exist:
        inventory(run)
        for server in run.of_role(Role.SERVER):
            if run.on_hosts([server], PHASE, k3s_is_installed)[server].value:
                fetched: Secret = run.on_hosts([server], PHASE, read_kubeconfig)[server].value
                write_atomically(run.kubeconfig, f"{fetched.reveal()}\n", mode=0o600)
                return True
    run.listener(Note(f"there is no cluster that {', '.join(leaving)} could leave"))
    return False
