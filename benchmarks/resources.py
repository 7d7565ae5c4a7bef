"""The work as our resources."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.work import SSHD_CONFIG, Work, commented
from koprogo_fleet.hosts.resource import Resource
from koprogo_fleet.hosts.resources import File, Line, Service


def resources_of(work: Work, directory: str) -> tuple[Resource, ...]:
    """Return the resources of a host with this *directory*."""
    return tuple(_resources(work, directory))


def _resources(work: Work, directory: str) -> Iterator[Resource]:
    for file in work.files:
        yield File(f"{directory}/{file.name}", file.content, mode=file.mode)
    for unit in work.services:
        yield Service(unit)
    for keyword, value in work.settings:
        yield Line(SSHD_CONFIG, f"{keyword} {value}", match=commented(keyword))
