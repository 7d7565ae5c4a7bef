"""Restarting a node, and knowing that it did."""

from __future__ import annotations

from nornir.core.task import Result, Task

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import CommandTimeout, LoginRefused, SessionLost, Unreachable
from koprogo_fleet.core.events import Listener, ignore, on_host
from koprogo_fleet.core.fleet import Role
from koprogo_fleet.core.permit import Action
from koprogo_fleet.core.wait import NotYet, wait_for
from koprogo_fleet.hosts.fence import BUSY_SECONDS, guard, refusal
from koprogo_fleet.ssh.connection import drop_session, session_for
from koprogo_fleet.ssh.failures import command_failed
from koprogo_fleet.ssh.session import Session
from koprogo_tasks._permit import permit_for

_SECONDS = 20.0


def reboot(task: Task, seconds: float = 300, listener: Listener = ignore, dry_run: bool | None = None) -> Result:
    """
    Restart the node, and return when it answers again after another boot.

    The boot is known by the id that the kernel draws at each (systemd-nspawn draws one for each boot of a machine, too),
    not by how long the node has been up: a node that only stopped answering for a while has not been restarted.

    Args:
        task: given by Nornir.
        seconds: how long the node may take, from the order to the next login.
        listener: told what is being waited for.
        dry_run: only tell.

    Returns:
        Result object with the following attributes set: changed (always), diff, differences; *result* is the new boot id.

    Raises:
        WaitTimeout: it did not go down, or did not come back.
        HostKeyMismatch: what came back is another machine.
        CommandFailed: the node refused to restart.
        Fenced: another run has claimed it; it was not restarted.
        InputError: it is a control plane, and the runner cannot guard etcd's quorum.
    """
    host = task.host
    differences = (Difference(Operation.CHANGE, "boot", "running", "restarted"),)
    if task.is_dry_run(dry_run):
        return Result(host=host, changed=True, diff=str(differences[0]), differences=differences)
    action = Action(host.name, "reboot", differences, disrupts_etcd=host.get("role") == Role.SERVER)
    with permit_for(task, action) as permit:
        session = session_for(host, task.nornir.config)
        before = session.boot_id()
        _order(session, guard(permit.fence))
        after = wait_for(
            f"{host.name}: another boot than {before}",
            lambda: _another_boot(task, before),
            seconds=seconds,
            listener=on_host(host.name, listener),
            cause="something holds its shutdown up, or it does not boot",
            next_step=f"look at its console in the OVH manager (lab: koprogo-fleet lab status), host {host.name}",
        )
    return Result(host=host, changed=True, diff=str(differences[0]), differences=differences, result=after)


def _order(session: Session, guard_script: str) -> None:
    try:
        script = f"{guard_script}\nexec systemctl reboot 9<&-\n".encode()
        done = session.run_as_root("sh -s", stdin=script, timeout=BUSY_SECONDS + _SECONDS)
    except (SessionLost, CommandTimeout):
        return  # it went down before it could say so, or it did not: the boot id will tell
    if done.exit_status:
        if refused := refusal(session.host, done.exit_status, done.stderr.decode(errors="replace")):
            raise refused
        raise command_failed(session.host, "reboot", done)


def _another_boot(task: Task, before: str) -> str:
    try:
        now = session_for(task.host, task.nornir.config).boot_id()
    except (Unreachable, LoginRefused, SessionLost, CommandTimeout) as error:  # sshd lets nobody in while it goes down
        drop_session(task.host)
        raise NotYet(error.seen) from error
    if now == before:
        raise NotYet("it has not gone down yet")
    return now
