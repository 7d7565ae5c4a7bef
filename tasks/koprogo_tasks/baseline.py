"""The baseline of a node: names, vRack, packages, time, kernel, storage, sshd, firewall."""

from __future__ import annotations

from nornir.core.task import Result, Task

from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.hosts.baseline.node import HANDLERS, Attachments
from koprogo_fleet.hosts.baseline.node import baseline as resources_of
from koprogo_tasks._converge import converge
from koprogo_tasks._node import node_of


def baseline(task: Task, fleet: Fleet, dry_run: bool | None = None) -> Result:
    """
    Bring everything below Kubernetes to its desired state.

    Args:
        task: given by Nornir.
        fleet: the desired state; the node is the one named as the host.
        dry_run: only look and tell.

    Returns:
        Result object with the following attributes set: changed, diff, differences, not_applicable.
    """
    volume = task.host.get("volume")
    attachments = Attachments(task.host["vrack"]["mac"], volume["id"] if volume else None)
    resources = resources_of(fleet, node_of(task.host, fleet), attachments)
    return converge(task, resources, handlers=HANDLERS, dry_run=dry_run, timeout=600)
