"""Etcd's snapshots and data on a server: scripts that look, and scripts that change what the runner has given leave for."""

from __future__ import annotations

from nornir.core.task import Result, Task

from koprogo_fleet.core.diff import Difference
from koprogo_fleet.core.permit import Action
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.hosts.fence import guard, refusal
from koprogo_fleet.ssh.connection import session_for
from koprogo_fleet.ssh.failures import command_failed
from koprogo_tasks._permit import permit_for

SECONDS = 660.0


def etcd_look(task: Task, script: str | Secret, what: str, seconds: float = SECONDS) -> Result:
    """
    Run a script that changes nothing of the node's desired state, as root.

    Args:
        task: given by Nornir.
        script: for sh; given to it through its standard input.
        what: it does, in words, for errors.
        seconds: how long it may take.

    Returns:
        Result that never says changed; its *result* is what the script printed.

    Raises:
        CommandFailed: the script ended with another status than 0.
    """
    text = script.reveal() if isinstance(script, Secret) else script
    session = session_for(task.host, task.nornir.config)
    done = session.run_as_root("sh -s", stdin=text.encode(), timeout=seconds)
    if done.exit_status:
        raise command_failed(session.host, what, done)
    return Result(host=task.host, result=done.stdout.decode(errors="replace"))


def etcd_change(  # noqa: PLR0913 - what a change is made of, by name
    task: Task,
    script: str | Secret,
    what: str,
    differences: tuple[Difference, ...],
    *,
    disrupts_etcd: bool = False,
    seconds: float = SECONDS,
) -> Result:
    """
    Run a script that changes the node, with the runner's leave and behind the node's fence.

    Args:
        task: given by Nornir.
        script: for sh; given to it through its standard input. It has to be one that may be run again.
        what: it does, in words, for the journal and errors.
        differences: what it changes.
        disrupts_etcd: whether it may take this server's etcd member down.
        seconds: how long it may take; it is ended on the node then, too.

    Returns:
        Result object with the following attributes set: changed, diff, differences; *result* is what the script printed.

    Raises:
        Fenced: another run has claimed the node; nothing was changed.
        CommandFailed: the script ended with another status than 0.
    """
    text = script.reveal() if isinstance(script, Secret) else script
    session = session_for(task.host, task.nornir.config)
    with permit_for(task, Action(task.host.name, what, differences, disrupts_etcd)) as permit:
        command = f"timeout --kill-after=5 {seconds:.0f} sh -s"
        stdin = f"{guard(permit.fence)}\n{text}".encode()
        done = session.run_as_root(command, stdin=stdin, timeout=seconds + 15)
        if done.exit_status:
            said = done.stderr.decode(errors="replace")
            raise refusal(session.host, done.exit_status, said) or command_failed(session.host, what, done)
    return Result(
        host=task.host,
        changed=bool(differences),
        diff="\n".join(map(str, differences)),
        differences=differences,
        result=done.stdout.decode(errors="replace"),
    )
