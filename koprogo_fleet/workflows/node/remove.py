"""``node remove``: a node leaves its cluster, and its machine stays, clean."""

from __future__ import annotations

from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.node.life import Course
from koprogo_fleet.workflows.phases.life import Life
from koprogo_fleet.workflows.run import Phase

REMOVE = Course(
    command="node remove",
    loses="what K3s keeps on its disk is deleted: local volumes of pods, a control plane's copy of etcd",
    gives_up=False,
    looks=lambda life: (Phase("Look: the node and the others", life.look),),
    acts=lambda life: (*leaving(life), Phase("Clean: nothing of K3s stays", life.clean)),
)


def leaving(life: Life) -> tuple[Phase[Context], ...]:
    """Return the phases after which the cluster does not know the node any more."""
    return (
        Phase("Claim of the nodes that answer", life.claim),
        Phase("Drain", life.drain),
        Phase("etcd: its member goes", life.leave_etcd),
        Phase("Cluster: its node goes", life.leave_cluster),
    )
