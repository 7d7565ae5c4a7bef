"""The baseline of a node: names, vRack, packages, time, kernel, storage, sshd, firewall."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nornir.core.task import Result, Task

from koprogo_fleet.core.fleet import Fleet, Node
from koprogo_fleet.hosts.baseline.node import HANDLERS, Attachments
from koprogo_fleet.hosts.baseline.node import baseline as resources_of
from koprogo_fleet.hosts.resource import Resource
from koprogo_tasks._converge import converge
from koprogo_tasks._node import node_of


def baseline(
    task: Task,
    fleet: Fleet,
    dry_run: bool | None = None,
    certificates: Callable[[Node], Sequence[Resource]] | None = None,
) -> Result:
    """
    Bring everything below Kubernetes to its desired state.

    Args:
        task: given by Nornir.
        fleet: the desired state; the node is the one named as the host.
        dry_run: only look and tell.
        certificates: says what sshd's certificates need on a node, if the fleet has certificates; without it they stay
            as they are.

    Returns:
        Result object with the following attributes set: changed, diff, differences, not_applicable; its *result* is a
        tuple of :class:`~koprogo_fleet.hosts.found.Found`, one for each resource.
    """
    volume = task.host.get("volume")
    attachments = Attachments(task.host["vrack"]["mac"], volume["id"] if volume else None)
    node = node_of(task.host, fleet)
    resources = resources_of(fleet, node, attachments, certificates(node) if certificates else ())
    converged = converge(task, resources, handlers=HANDLERS, dry_run=dry_run, timeout=600)
    converged.result = converged.found  # type: ignore[attr-defined]  # Nornir's results take any attribute
    return converged
