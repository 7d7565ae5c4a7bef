"""What K3s has to be told of a node before it is configured."""

from __future__ import annotations

from collections.abc import Sequence

from nornir.core.task import Result, Task

from koprogo_fleet.hosts.k3s import observed
from koprogo_fleet.ssh.connection import session_for
from koprogo_fleet.ssh.failures import command_failed


def k3s_observed(
    task: Task, names: Sequence[str] = (), registries: Sequence[str] = (), images: Sequence[str] = ()
) -> Result:
    """
    Find out what a node can, and what its K3s is configured with; nothing is changed.

    Args:
        task: given by Nornir.
        names: host names that it should resolve.
        registries: URLs of registries that it should reach.
        images: full names of images that it may have.

    Returns:
        Result whose *result* is a :class:`~koprogo_fleet.hosts.k3s.observed.Observed`.

    Raises:
        CommandFailed: the script ended early.
    """
    session = session_for(task.host, task.nornir.config)
    script = observed.look(names, registries, images)
    done = session.run_as_root("sh -s", stdin=script.encode(), timeout=60 + observed.PULL_SECONDS * len(registries))
    if done.exit_status != 0:
        raise command_failed(task.host.name, "look at what K3s needs", done)
    return Result(host=task.host, result=observed.parse(done.stdout.decode(errors="replace")))
