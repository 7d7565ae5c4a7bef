"""Who has the cluster, who joins it, and what is left of former lives: looked at before K3s is started anywhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.fleet import Role
from koprogo_fleet.hosts.k3s.founding import Standing, join_address, standing, url
from koprogo_fleet.kube.client import Cluster
from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.phases.claim import still_ours
from koprogo_tasks import k3s_presence, remove_etcd_member

PHASE = "K3s"


def look(run: Context) -> Standing | None:
    """
    Look at every node, and decide how the servers stand to the cluster; see :mod:`koprogo_fleet.hosts.k3s.founding`.

    In a plan for servers that do not all exist yet, none of which has data, nothing can be said: None.

    Raises:
        KoprogoError: as :func:`~koprogo_fleet.hosts.k3s.founding.standing`.
    """
    outcomes = run.on_hosts(run.hosts, PHASE, k3s_presence)
    run.presence = {name: outcome.value for name, outcome in outcomes.items()}
    servers = run.of_role(Role.SERVER)
    if (
        run.dry_run
        and len(servers) < len(run.fleet.servers)
        and not any(run.presence[name].has_data for name in servers)
    ):
        run.standing = None
        return None
    joined = [name for name in run.of_role(Role.AGENT) if run.presence[name].joined]
    run.standing = standing(run.fleet.servers, run.presence, joined)
    return run.standing


def joins(run: Context, names: Iterable[str]) -> Mapping[str, str | None]:
    """Return the URL through which each of *names* joins; None for one that begins the cluster."""
    assert run.standing is not None  # noqa: S101 - the phases' order guarantees it
    assert run.setup is not None  # noqa: S101 - so it does
    servers, endpoint = run.fleet.servers, run.setup.endpoint(run.fleet)
    nodes = {node.name: node for node in run.fleet.nodes}
    addresses = {
        name: join_address(nodes[name], servers, run.standing, run.presence.get(name), endpoint) for name in names
    }
    return {name: None if address is None else url(address) for name, address in addresses.items()}


def forget_former_lives(run: Context, names: Collection[str]) -> None:
    """
    Take out of the cluster what it still knows of machines that are gone, so that new ones may have their names.

    Those are the members of etcd whose servers have no data any more (a new one is refused: "duplicate node name", "Peer
    URLs already exists"), and the Node objects, with K3s' passwords of them, of machines that have no password ("Node
    password rejected").

    Args:
        run: where; its nodes have been looked at.
        names: the nodes that are about to join.

    Raises:
        KoprogoError: no control plane serves, or etcd refuses.
    """
    found = run.standing
    strangers = [name for name in names if not run.presence[name].registered]
    if found is None or not strangers or run.dry_run or run.founded:
        return
    if found.anchor is None:
        raise KoprogoError(
            f"{', '.join(strangers)} cannot join: no control plane serves",
            cause="etcd has no quorum, or K3s does not come up on them",
            next_step="koprogo-fleet k3s status",
        )
    still_ours(run)
    for member in found.former:
        if any(
            member.is_of(node.name, str(node.vrack_address)) for node in run.fleet.servers if node.name in strangers
        ):
            run.on_hosts([found.anchor], PHASE, remove_etcd_member, member=member)
            run.listener(Note(f"etcd member {member.name} removed: the machine that it was is gone"))
    with run.cluster() as (cluster, _):
        known = {node.name for node in cluster.nodes()}
        for name in strangers:
            if name in known:
                forget_node(cluster, name)
                run.listener(Note(f"node {name} removed from the cluster: another machine has its name now"))


def forget_node(cluster: Cluster, name: str) -> None:
    """Delete a Node, and K3s' password of it: K3s does so by itself, but late, and rejects the next of its name until then."""
    cluster.delete("v1", "Node", name)
    forget_password(cluster, name)


def forget_password(cluster: Cluster, name: str) -> None:
    """Delete K3s' password of a node: the next machine that joins by its name, with the cluster's token, is given it."""
    cluster.delete("v1", "Secret", f"{name}.node-password.k3s", "kube-system")
