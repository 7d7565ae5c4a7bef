"""Claiming nodes for a run, so that whatever another run still has in hand is refused by the nodes themselves."""

from __future__ import annotations

from nornir.core.task import Result, Task

from koprogo_fleet.core.events import Listener, ignore, on_host
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.hosts.fence import BUSY, claim_script, guard, refusal
from koprogo_fleet.ssh.connection import session_for
from koprogo_fleet.ssh.failures import command_failed

SECONDS = 60.0


def claim(task: Task, run_id: str, seconds: float = 120, listener: Listener = ignore) -> Result:
    """
    Claim the node for a run, once no change is going on there.

    Args:
        task: given by Nornir.
        run_id: of the journal.
        seconds: how long to wait for a change that an earlier run began.
        listener: told what is being waited for.

    Returns:
        Result that never says changed; its *result* is the text that every change must find on the node from now on
        (:attr:`koprogo_fleet.core.permit.Permit.fence`).

    Raises:
        WaitTimeout: an earlier run's change does not end.
        CommandFailed: the node cannot be written to.
    """
    session = session_for(task.host, task.nornir.config)

    def attempt() -> str:
        done = session.run_as_root("sh -s", stdin=claim_script(run_id), timeout=SECONDS)
        if done.exit_status == BUSY:
            raise NotYet(str(refusal(session.host, BUSY, done.stderr.decode(errors="replace"))))
        if done.exit_status:
            raise command_failed(session.host, "claim of the node", done)
        return done.stdout.decode().strip()

    fence = wait_for(
        f"{session.host}: no other run changing it",
        attempt,
        seconds=seconds,
        listener=on_host(task.host.name, listener),
        cause="an earlier run was killed or lost its connection, and the node still does what it was told",
        next_step="koprogo-fleet runs list; then run the command again",
    )
    return Result(host=task.host, result=fence)


def check_claim(task: Task, fence: str) -> Result:
    """
    Check that the node is still ours: before something is changed that no node can guard, such as the cluster's objects.

    Args:
        task: given by Nornir.
        fence: what :func:`claim` returned.

    Returns:
        Result that never says changed.

    Raises:
        Fenced: another run has claimed the node since.
        CommandTimeout: a change is still going on there.
    """
    session = session_for(task.host, task.nornir.config)
    script = guard(fence, seconds=5).encode()
    done = session.run_as_root("sh -s", stdin=script, timeout=SECONDS)
    if done.exit_status:
        said = done.stderr.decode(errors="replace")
        raise refusal(session.host, done.exit_status, said) or command_failed(session.host, "check of the claim", done)
    return Result(host=task.host)
