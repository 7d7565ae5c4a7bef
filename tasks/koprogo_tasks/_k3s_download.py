"""K3s' binary on a node that fetches it itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from nornir.core.task import Result, Task

from koprogo_fleet.hosts.resources import Binary
from koprogo_tasks._converge import converge

DOWNLOAD_SECONDS = 600.0


@dataclass(frozen=True)
class Download:
    """A program to be on a node, which fetches it itself, and puts it in place only if it has this checksum."""

    url: str
    remote: str
    sha256: str


def download_k3s(task: Task, downloads: Mapping[str, Download], dry_run: bool | None = None) -> Result:
    """
    Have the node fetch K3s itself where it has another one; nothing is restarted here.

    Args:
        task: given by Nornir.
        downloads: what to fetch, by host; it is put in place only if it has its checksum.
        dry_run: only look and tell.

    Returns:
        Result object with the following attributes set: changed, diff, differences, not_applicable.
    """
    download = downloads[task.host.name]
    binary = Binary(download.url, download.sha256, download.remote)
    return converge(task, [binary], dry_run=dry_run, timeout=DOWNLOAD_SECONDS)
