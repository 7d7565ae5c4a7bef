"""A snapshot of etcd before something is changed that could not be undone otherwise."""

from __future__ import annotations

from koprogo_fleet.workflows.context import Context
from koprogo_fleet.workflows.etcd.snapshots import healthy_server, save_snapshot

NAME = "before-rotation"


def snapshot_before(run: Context) -> None:
    """
    Make one, and read it back.

    Raises:
        NotConverged: no server's etcd member is healthy, or what was read back is not what was written.
    """
    save_snapshot(run, healthy_server(run), NAME)
