"""A snapshot of etcd before something is changed that could not be undone otherwise."""

from __future__ import annotations

from koprogo_fleet.core.events import Note
from koprogo_fleet.workflows.context import Context


def snapshot_before(run: Context) -> None:
    """Say that none is taken: the one of K3s' own schedule has to do."""
    run.listener(Note("no snapshot of etcd is taken before this: the newest one of K3s' own schedule has to do"))
