"""All that a node tells about its K3s, in one exec."""

from __future__ import annotations

from nornir.core.task import Result, Task

from koprogo_fleet.core.fleet import Role
from koprogo_fleet.hosts.k3s.report import look, parse
from koprogo_fleet.ssh.connection import session_for

SECONDS = 75.0
"""What asks etcd and the API server has limits of its own, of 6 and 8 s each."""


def k3s_report(task: Task) -> Result:
    """
    Ask one node, server or agent, about its K3s; changes nothing.

    Returns:
        Result whose *result* is a :class:`~koprogo_fleet.hosts.k3s.report.NodeReport`.

    Raises:
        Unreachable: no SSH.
    """
    session = session_for(task.host, task.nornir.config)
    script = look(Role(task.host["role"])).encode()
    done = session.run_as_root("sh -s", stdin=script, timeout=SECONDS)
    return Result(host=task.host, result=parse(done.stdout.decode(errors="replace")))
