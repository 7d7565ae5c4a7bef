"""A new connection to a node, as the proof that a change of it lets us in."""

from __future__ import annotations

from collections.abc import Sequence

from nornir.core.task import Task

from koprogo_fleet.core.errors import LoginRefused, NotConverged, Unreachable, WaitTimeout
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.hosts.fence import refusal
from koprogo_fleet.ssh.connection import drop_session, session_for
from koprogo_fleet.ssh.failures import command_failed
from koprogo_fleet.ssh.session import Session

SECONDS = 30.0


def confirm(task: Task, scripts: Sequence[str], fence: str) -> None:
    """
    Make changes last that would undo themselves, over a connection that was made after them.

    Args:
        task: given by Nornir.
        scripts: what the changes say confirms them.
        fence: the sh that lets nothing be changed on a node that another run has claimed.

    Raises:
        NotConverged: no connection comes to be; the node takes the changes back.
        CommandFailed: it has taken them back already.
        Fenced: another run has claimed the node.
    """
    host = task.host.name

    def connected() -> Session:
        drop_session(task.host)
        try:
            return session_for(task.host, task.nornir.config)
        except (Unreachable, LoginRefused) as error:
            raise NotYet(error.seen) from error

    try:
        session = wait_for(f"{host}: a new connection", connected, seconds=SECONDS)
    except WaitTimeout as error:
        raise NotConverged(
            f"{host}: no new connection can be made after the change: {error.last_observation}",
            cause="the new firewall rules shut us out; the node takes its old ones back within minutes, by itself",
            next_step="look at the rules that the plan shows, then run the same again",
        ) from error
    script = "\n".join([fence, *(f"(\n{script}\n) </dev/null || exit" for script in scripts)])
    done = session.run_as_root("sh -s", stdin=script.encode(), timeout=SECONDS)
    if done.exit_status:
        said = done.stderr.decode(errors="replace")
        raise refusal(session.host, done.exit_status, said) or command_failed(session.host, "confirm the change", done)
