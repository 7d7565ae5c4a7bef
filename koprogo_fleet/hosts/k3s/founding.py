"""
Does a cluster exist? Decided from what is on the servers' disks and from what their etcd says, before K3s is started.

A second cluster beside the first is the worst that a tool can do here: two servers that each hold all the truth. So one
is founded only with proof that there is none: every control plane was asked, none has etcd's data, and no agent has ever
joined. In all other cases a server without data joins, whatever its number. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.fleet import Node
from koprogo_fleet.core.quorum import quorum
from koprogo_fleet.hosts.k3s.config import API_PORT
from koprogo_fleet.hosts.k3s.presence import Member, Presence


@dataclass(frozen=True)
class Standing:
    """
    How the servers stand to the cluster.

    Attributes:
        founder: the one that may begin a cluster; None where there is one.
        holders: those that have its data, in fleet.yaml's order.
        joining: those that have none, and join.
        anchor: the one through which others join; None while none serves.
        former: members of etcd that were servers' former lives: their data are gone, and so have they to go.
    """

    founder: str | None
    holders: tuple[str, ...]
    joining: tuple[str, ...]
    anchor: str | None
    former: tuple[Member, ...] = ()


def standing(servers: Sequence[Node], seen: Mapping[str, Presence | None], joined_agents: Collection[str]) -> Standing:
    """
    Return how *servers* stand to the cluster.

    Args:
        servers: the control planes of fleet.yaml.
        seen: by their names; None, or no entry, stands for one that could not be asked.
        joined_agents: the agents that a cluster has accepted.

    Raises:
        KoprogoError: it cannot be told whether there is a cluster, there are two, its control planes are all lost, or
            a server has data that are not the cluster's.
    """
    known = {server.name: shown for server in servers if (shown := seen.get(server.name)) is not None}
    unseen = [server.name for server in servers if server.name not in known]
    holders = tuple(name for name, shown in known.items() if shown.has_data)
    joining = tuple(name for name, shown in known.items() if not shown.has_data)
    if not holders:
        _prove_that_there_is_none(unseen, joined_agents)
        return Standing(servers[0].name, (), joining, None)
    serving = [name for name in holders if known[name].serves]
    clusters = {known[name].cluster: name for name in serving}
    if len(clusters) > 1:
        raise KoprogoError(
            f"there are two clusters: {' and '.join(clusters.values())} each serve one",
            cause="a control plane was started by hand with cluster-init, or its etcd was reset beside the others",
            next_step="find out which holds the data that you want (k3s kubectl get nodes on each); stop K3s on the "
            "other, then: koprogo-fleet node rebuild NAME",
        )
    if not serving:
        _refuse_lost_quorum(known, holders, unseen)
        return Standing(None, holders, joining, None)
    anchor = serving[0]
    members = known[anchor].members
    by_name = {server.name: server for server in servers}
    for name in holders:
        if not _members_of(by_name[name], members):
            raise KoprogoError(
                f"{name} has data of etcd, but is no member of the cluster of {anchor}",
                cause="it was taken out of the cluster, or has the data of another one; K3s does not join with them",
                next_step=f"koprogo-fleet node rebuild {name}: its data are removed, and it joins anew",
            )
    former = [member for name in joining for member in _members_of(by_name[name], members) if member.name]
    return Standing(None, holders, joining, anchor, tuple(former))


def join_address(
    node: Node, servers: Sequence[Node], found: Standing, shown: Presence | None, endpoint: str | None
) -> str | None:
    """
    Return the host through which *node* joins, or None where it begins the cluster.

    That is the *endpoint*, where the fleet has one that leads to all servers; else a server's vRack address. What a node
    that has joined says then stays as long as it names another control plane: K3s reads it no more, and another text would
    only restart it.
    """
    if node.name == found.founder:
        return None
    others = {str(server.vrack_address): server.name for server in servers if server.name != node.name}
    if shown and shown.has_data and (shown.founds or not others):
        return None
    if endpoint is not None:
        return endpoint
    if shown and (shown.has_data or shown.joined) and shown.server in others:
        return shown.server
    through = found.anchor or found.founder or next(iter(found.holders), None)
    return next((address for address, name in others.items() if name == through), next(iter(others)))


def url(address: str) -> str:
    """Return what ``server:`` says."""
    return f"https://{address}:{API_PORT}"


def may_leave(server: Node, servers: Sequence[Node], members: Sequence[Member], healthy: Collection[str]) -> str:
    """
    Return why *server* must not leave etcd now, or nothing.

    The others have to keep a quorum among themselves, without it and without anybody who is down; and nobody may be
    on the way in: etcd takes one change at a time.

    Args:
        server: which one.
        servers: the control planes of fleet.yaml.
        members: as a healthy server lists them.
        healthy: the servers whose members serve.
    """
    rest = [member for member in members if not member.is_of(server.name, str(server.vrack_address))]
    if learners := [member.name or member.address for member in rest if member.learner]:
        return f"{', '.join(learners)} is still joining etcd"
    if not rest:
        return "it is the only member of etcd: the cluster would end with it"
    up = [
        member
        for member in rest
        if any(member.is_of(one.name, str(one.vrack_address)) and one.name in healthy for one in servers)
    ]
    needed = quorum(len(rest))
    if len(up) >= needed:
        return ""
    down = [member.name or member.address for member in rest if member not in up]
    return f"the others would have no quorum: {len(up)} of {len(rest)} are healthy, {needed} are needed; not: {', '.join(down)}"


def _members_of(server: Node, members: Sequence[Member]) -> list[Member]:
    return [member for member in members if member.is_of(server.name, str(server.vrack_address))]


def _prove_that_there_is_none(unseen: Collection[str], joined_agents: Collection[str]) -> None:
    if unseen:
        raise KoprogoError(
            f"whether there is a cluster cannot be told: {', '.join(unseen)} could not be asked",
            cause="a second cluster might be begun beside the first, so none is",
            next_step="bring them back; one that is gone for good: koprogo-fleet node replace NAME",
        )
    if joined_agents:
        raise KoprogoError(
            f"no control plane has the cluster's data, but {', '.join(joined_agents)} has joined it",
            cause="every control plane was lost or rebuilt; a new cluster would be another one, without your objects",
            next_step="restore the cluster from a snapshot of etcd; to begin anew instead: koprogo-fleet node remove on "
            "each of these agents",
        )


def _refuse_lost_quorum(known: Mapping[str, Presence], holders: Collection[str], unseen: Collection[str]) -> None:
    listed = next((known[name].members for name in holders if known[name].members), ())
    voters = [member for member in listed if not member.learner]
    if len(holders) + len(unseen) < quorum(len(voters)):
        raise KoprogoError(
            f"etcd has lost its quorum for good: of {len(voters)} members only {', '.join(holders)} has data",
            cause="the other control planes' disks are gone",
            next_step="restore the cluster from a snapshot of etcd, or reset it to what this one holds",
        )
