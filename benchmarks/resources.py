"""The work as our resources."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.setting import SshdSetting
from benchmarks.work import FULL_WORK, Work
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.hosts.baseline.node import Attachments, baseline
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import Directory, File, Service


def resources_of(work: Work, directory: str) -> tuple[Resource, ...]:
    """Return the resources of a host with this *directory*."""
    return tuple(_resources(work, directory))


def full(fleet: Fleet, name: str, vrack_mac: str, directory: str) -> tuple[Resource, ...]:
    """Return the baseline of the node *name*, and a site's own resources on top of it: more than 60 together."""
    (node,) = (node for node in fleet.nodes if node.name == name)
    own = (Directory(f"{directory}/{number}") for number in range(20))
    return (*baseline(fleet, node, Attachments(vrack_mac, None)), *own, *resources_of(FULL_WORK, directory))


def _resources(work: Work, directory: str) -> Iterator[Resource]:
    for file in work.files:
        yield File(f"{directory}/{file.name}", file.content, mode=file.mode)
    for unit in work.services:
        yield Service(unit)
    for keyword, value in work.settings:
        yield SshdSetting(keyword, value)
