"""How the control plane is."""

from __future__ import annotations

from nornir.core.task import Result, Task

from koprogo_fleet.hosts.k3s.health import LOOK, parse
from koprogo_fleet.ssh.connection import session_for


def k3s_health(task: Task) -> Result:
    """
    Ask one server about its service, etcd member and API server.

    Returns:
        Result whose *result* is a :class:`~koprogo_fleet.hosts.k3s.health.ServerHealth`.

    Raises:
        Unreachable: no SSH.
    """
    session = session_for(task.host, task.nornir.config)
    done = session.run(session.as_root("sh -s"), stdin=LOOK.encode(), timeout=40)
    return Result(host=task.host, result=parse(done.stdout.decode(errors="replace")))
