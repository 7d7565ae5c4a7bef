"""Taking a node out of use and putting it back: Longhorn's volumes whole, cordoned with our mark, drained, uncordoned."""

from __future__ import annotations

from collections.abc import Sequence

from koprogo_fleet.core.errors import KoprogoError
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.hosts.k3s.report import MARK
from koprogo_fleet.kube.client import Cluster
from koprogo_fleet.kube.drain import drain
from koprogo_fleet.kube.longhorn import unsettled
from koprogo_fleet.workflows.upgrade.model import Upgrade, first_line


def wait_for_volumes(upgrade: Upgrade, cluster: Cluster) -> None:
    """
    Wait until no volume of Longhorn's is degraded, faulted or on its way; a cluster without Longhorn has none.

    Raises:
        WaitTimeout: some are not whole; says which. Nothing was taken away.
    """

    def look() -> None:
        if left := unsettled(cluster.longhorn_volumes() or ()):
            raise NotYet(", ".join(map(str, left)))

    wait_for(
        "every volume of Longhorn's healthy",
        look,
        seconds=upgrade.options.volume_seconds,
        listener=upgrade.run.listener,
        cause="a replica is being rebuilt, or has no place to be; a node that goes now could take the last good one away",
        next_step="kubectl -n longhorn-system get volumes.longhorn.io; then run the same again: it goes on from here",
    )


def tell_of_volumes(upgrade: Upgrade) -> None:
    """Say once whether there are volumes to look after."""
    with upgrade.cluster() as cluster:
        volumes = cluster.longhorn_volumes()
    upgrade.tell(
        "the cluster has no Longhorn: no volumes to wait for"
        if volumes is None
        else f"Longhorn has {len(volumes)} volumes; each has to be healthy before a node goes"
    )


def take_away(upgrade: Upgrade, names: Sequence[str]) -> None:
    """
    Empty nodes: all are cordoned first, so that no pod moves from one to the next, then drained one after the other.

    Raises:
        WaitTimeout: a volume is not whole, or a pod cannot leave; says which, and which budget holds it.
        KubernetesError: a pod has no controller.
    """
    with upgrade.cluster(without=names) as cluster:
        wait_for_volumes(upgrade, cluster)
        for name in names:
            cordon(upgrade, cluster, name)
        for name in names:
            drain(cluster, name, seconds=upgrade.options.drain_seconds, listener=upgrade.run.listener)


def cordon(upgrade: Upgrade, cluster: Cluster, name: str) -> None:
    """Cordon a node and say by an annotation that it was us; one that a person has cordoned stays that person's."""
    cordoned = any(node.unschedulable for node in cluster.nodes() if node.name == name)
    if cordoned and not cluster.annotation(name, MARK):
        upgrade.tell(f"{name} was cordoned by somebody else, and stays so")
        return
    cluster.mark_cordoned(name, MARK, str(upgrade.wanted))


def give_back(upgrade: Upgrade, names: Sequence[str]) -> None:
    """Uncordon those of *names* that an upgrade has cordoned."""
    with upgrade.cluster() as cluster:
        for name in names:
            if cluster.annotation(name, MARK):
                cluster.uncordon(name, MARK)


def give_back_what_is_whole(upgrade: Upgrade) -> None:
    """After an error: uncordon what this or an earlier run has cordoned and is Ready; tell of what is not."""
    try:
        with upgrade.cluster() as cluster:
            for node in cluster.nodes():
                if not cluster.annotation(node.name, MARK):
                    continue
                if node.ready:
                    cluster.uncordon(node.name, MARK)
                else:
                    upgrade.tell(f"{node.name} is NotReady and stays cordoned; the next run goes on with it")
    except KoprogoError as error:
        upgrade.tell(f"what was cordoned may still be: {first_line(error)}; the next run uncordons it")
