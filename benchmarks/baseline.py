"""All that a node of a fleet should be: its baseline, and a site's own resources on top of it."""

from __future__ import annotations

from benchmarks.resources import resources_of
from benchmarks.work import FULL_WORK
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.hosts.baseline.node import Attachments, baseline
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import Directory


def full(fleet: Fleet, name: str, vrack_mac: str, directory: str) -> tuple[Resource, ...]:
    """Return the resources of the node *name*: more than 60."""
    (node,) = (node for node in fleet.nodes if node.name == name)
    own = (Directory(f"{directory}/{number}") for number in range(20))
    return (*baseline(fleet, node, Attachments(vrack_mac, None)), *own, *resources_of(FULL_WORK, directory))
