"""The snapshot that is made before anything is changed: what a newer API server writes, an older one may not read."""

from __future__ import annotations

from koprogo_fleet.workflows.upgrade.model import Upgrade


def snapshot(upgrade: Upgrade) -> None:
    """Say that nobody made one: the commands for etcd's snapshots are not here yet."""
    if upgrade.todo.nodes:
        upgrade.tell("no snapshot of etcd is made: k3s etcd-snapshot save, on a server, makes one")
