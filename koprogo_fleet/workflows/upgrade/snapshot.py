"""The snapshot that is made before anything is changed: what a newer API server writes, an older one may not read."""

from __future__ import annotations

from koprogo_fleet.workflows.etcd.snapshots import healthy_server, save_snapshot
from koprogo_fleet.workflows.upgrade.model import SNAPSHOT, Upgrade


def snapshot(upgrade: Upgrade) -> None:
    """
    Make a snapshot of etcd, if any node is to be changed.

    Raises:
        NotConverged: no server's etcd member is healthy, or what was read back is not what was written.
    """
    if upgrade.todo.nodes:
        save_snapshot(upgrade.run, healthy_server(upgrade.run), SNAPSHOT)
