"""Rotating K3s' certificates and encryption keys on a node: what it says, one change, a restart that is waited for."""

from __future__ import annotations

from datetime import UTC, datetime

from nornir.core.task import Result, Task

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.events import Listener, ignore
from koprogo_fleet.core.fleet import Fleet, Role
from koprogo_fleet.core.permit import Action, Permit
from koprogo_fleet.hosts.fence import BUSY_SECONDS, guard, refusal
from koprogo_fleet.hosts.k3s import certificates, encryption, paths
from koprogo_fleet.hosts.k3s.encryption_stages import Command
from koprogo_fleet.hosts.k3s.unit import unit_name
from koprogo_fleet.ssh.connection import session_for
from koprogo_fleet.ssh.exchange import Completed
from koprogo_fleet.ssh.failures import command_failed
from koprogo_tasks._k3s import k3s_ready
from koprogo_tasks._node import node_of
from koprogo_tasks._permit import permit_for

LOOK_SECONDS = 60.0
COMMAND_SECONDS = 90.0
STOP_SECONDS = 240.0
READY_SECONDS = 300.0

_RESTART = """\
set -eu
before=$(systemctl show {unit} --property=InvocationID --value)
systemctl reset-failed {unit} 2>/dev/null || :
systemctl restart --no-block {unit}
left=600
while [ "$(systemctl show {unit} --property=InvocationID --value)" = "$before" ]; do
  left=$((left - 1)); [ $left -gt 0 ] || {{ echo 'it did not stop' >&2; exit 1; }}
  sleep 0.2
done
"""


def restart_k3s(
    task: Task, fleet: Fleet, reason: str, seconds: float = READY_SECONDS, listener: Listener = ignore
) -> Result:
    """
    Restart K3s and return when it is up again: another start than before. A server needs a runner that guards the quorum.

    Args:
        task: given by Nornir.
        fleet: the desired state.
        reason: why, for the journal: "reads the new server token".
        seconds: how long it may take to come up.
        listener: told what is being waited for.

    Returns:
        Result object with the following attributes set: changed (always), differences.

    Raises:
        CommandFailed: K3s keeps ending; carries the journal's last lines and what they mean.
        WaitTimeout: it did not come up.
        Fenced: another run has claimed the node.
    """
    role = node_of(task.host, fleet).role
    unit = unit_name(role)
    difference = Difference(Operation.CHANGE, f"service {unit}", "running", f"restarted: {reason}")
    action = Action(task.host.name, f"restart {unit}", (difference,), disrupts_etcd=role is Role.SERVER)
    with permit_for(task, action) as permit:
        must_succeed(task, f"restart of {unit}", _run(task, permit, _RESTART.format(unit=unit), STOP_SECONDS))
        k3s_ready(task, fleet, seconds, listener)
    return Result(host=task.host, changed=True, diff=str(difference), differences=(difference,))


def look_at_certificates(task: Task) -> Result:
    """
    Ask a node when its leaf certificates end.

    Returns:
        Result whose *result* is a tuple of :class:`~koprogo_fleet.hosts.k3s.certificates.Leaf`, the first to end first.

    Raises:
        CommandFailed: K3s tells of none.
    """
    done = ask(task, f"{certificates.CHECK}\n".encode())
    leafs = certificates.parse(done.stdout.decode(errors="replace"))
    if not leafs:
        raise command_failed(task.host.name, "k3s certificate check", done)
    return Result(host=task.host, result=leafs)


def rotate_certificates(
    task: Task, fleet: Fleet, seconds: float = READY_SECONDS, listener: Listener = ignore
) -> Result:
    """
    Have K3s make all leaf certificates of a node anew: it is stopped, they are taken away, it is started and waited for.

    Returns:
        Result object with the following attributes set: changed (always), differences.

    Raises:
        CommandFailed: K3s could not be stopped, or does not come up; it was told to start in any case.
        WaitTimeout: it did not come up.
        Fenced: another run has claimed the node.
    """
    role = node_of(task.host, fleet).role
    unit = unit_name(role)
    before = _first_end(task)
    difference = Difference(Operation.CHANGE, "leaf certificates of K3s", f"until {before}", "made anew")
    action = Action(task.host.name, "rotate certificates", (difference,), disrupts_etcd=role is Role.SERVER)
    with permit_for(task, action) as permit:
        done = _run(task, permit, certificates.rotate_script(unit), STOP_SECONDS)
        must_succeed(task, "rotation of the certificates", done)
        k3s_ready(task, fleet, seconds, listener)
    return Result(host=task.host, changed=True, diff=str(difference), differences=(difference,))


def look_at_encryption(task: Task) -> Result:
    """
    Ask a server about the encryption of Secrets and its keys.

    Returns:
        Result whose *result* is an :class:`~koprogo_fleet.hosts.k3s.encryption.Encryption`.
    """
    done = ask(task, encryption.LOOK.encode())
    return Result(host=task.host, result=encryption.parse(done.stdout.decode(errors="replace")))


def change_encryption(task: Task, command: Command) -> Result:
    """
    Run one stage of the rotation of the encryption keys.

    Returns:
        Result object with the following attributes set: changed, differences.

    Raises:
        CommandFailed: the command said so; whether the stage was reached all the same, the look tells.
    """
    difference = Difference(Operation.CHANGE, "encryption keys", "", str(command.leads_to))
    script = f"timeout 80 {paths.BINARY} {command.words} </dev/null\n"
    must_succeed(task, f"k3s {command.words}", change(task, command.words, difference, script))
    return Result(host=task.host, changed=True, diff=str(difference), differences=(difference,))


def _first_end(task: Task) -> str:
    leafs = certificates.parse(ask(task, f"{certificates.CHECK}\n".encode()).stdout.decode(errors="replace"))
    end = certificates.earliest(leafs)
    return f"{end:%Y-%m-%d} ({(end - datetime.now(UTC)).days} days)" if end else "unknown"


def ask(task: Task, script: bytes) -> Completed:
    """Run *script*, which changes nothing, as root."""
    return session_for(task.host, task.nornir.config).run_as_root("sh -s", stdin=script, timeout=LOOK_SECONDS)


def change(task: Task, what: str, difference: Difference, script: str) -> Completed:
    """Run *script* with leave to change the node; how it ended is for the caller to judge."""
    with permit_for(task, Action(task.host.name, what, (difference,))) as permit:
        return _run(task, permit, script, COMMAND_SECONDS)


def _run(task: Task, permit: Permit, script: str, seconds: float) -> Completed:
    """Run *script* on a node that is still ours; it may hold secrets, and is never shown."""
    session = session_for(task.host, task.nornir.config)
    text = f"main() {{\n{guard(permit.fence)}\n{script}\n}}\nmain\n"
    done = session.run_as_root("sh -s", stdin=text.encode(), timeout=BUSY_SECONDS + seconds)
    if refused := refusal(session.host, done.exit_status, done.stderr.decode(errors="replace")):
        raise refused
    return done


def must_succeed(task: Task, what: str, done: Completed) -> None:
    """Raise CommandFailed unless it ended well."""
    if done.exit_status:
        raise command_failed(task.host.name, what, done)
