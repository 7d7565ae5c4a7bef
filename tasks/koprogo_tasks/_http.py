"""Asking HTTP questions from inside the vRack."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from nornir.core.task import Result, Task

from koprogo_fleet.ssh.connection import session_for

SECONDS = 5


def http_statuses(task: Task, urls: Sequence[str]) -> Result:
    """
    Ask *urls* from the node, one after the other.

    Returns:
        Result whose *result* maps each URL to its HTTP status; 0 stands for no answer within 5 s.
    """
    session = session_for(task.host, task.nornir.config)
    script = "".join(
        f"curl --silent --output /dev/null --max-time {SECONDS} --write-out '%{{http_code}}\\n' {shlex.quote(url)}\n"
        for url in urls
    )
    done = session.run("sh -s", stdin=script.encode(), timeout=(SECONDS + 1) * len(urls) + 10)
    statuses = [int(line) for line in done.stdout.decode().split()]
    return Result(host=task.host, result=dict(zip(urls, statuses, strict=True)))
