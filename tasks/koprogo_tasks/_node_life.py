"""A node's place in the cluster: seen, given up, cleaned away."""

from __future__ import annotations

import json

from nornir.core.task import Result, Task

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import CommandFailed, KoprogoError
from koprogo_fleet.core.fleet import Fleet, Role
from koprogo_fleet.core.permit import Action
from koprogo_fleet.hosts.fence import guard, refusal
from koprogo_fleet.hosts.k3s import presence, uninstall
from koprogo_fleet.hosts.k3s.etcd_gateway import ASK_ETCD
from koprogo_fleet.hosts.k3s.node import Tokens, joined
from koprogo_fleet.hosts.k3s.presence import Member, Presence
from koprogo_fleet.hosts.k3s.setup import Setup
from koprogo_fleet.hosts.k3s.unit import unit_name
from koprogo_fleet.ssh.connection import session_for
from koprogo_fleet.ssh.failures import command_failed
from koprogo_fleet.ssh.session import Completed, Session
from koprogo_tasks._converge import converge
from koprogo_tasks._k3s import addresses_of
from koprogo_tasks._node import node_of
from koprogo_tasks._permit import permit_for

LOOK_SECONDS = 40.0
STOP_SECONDS = 120.0
CLEAN_SECONDS = 180.0
_REMOVE = "/v3/cluster/member/remove"


def k3s_presence(task: Task) -> Result:
    """
    Tell what is there of K3s on a node; see :mod:`koprogo_fleet.hosts.k3s.presence`.

    Returns:
        Result whose *result* is a :class:`~koprogo_fleet.hosts.k3s.presence.Presence`.

    Raises:
        Unreachable: no SSH.
    """
    session = session_for(task.host, task.nornir.config)
    done = session.run_as_root("sh -s", stdin=presence.LOOK.encode(), timeout=LOOK_SECONDS)
    return Result(host=task.host, result=presence.parse(done.stdout.decode(errors="replace")))


def remove_etcd_member(task: Task, member: Member) -> Result:
    """
    Take a *member* that is dead out of etcd, through the healthy server that the task runs on.

    Etcd itself refuses what would cost it its quorum (strict reconfiguration check). A member that is not listed any
    more has been removed already. Whether it may go is decided before, see
    :func:`koprogo_fleet.hosts.k3s.founding.may_leave`.

    Args:
        task: given by Nornir.
        member: which one.

    Returns:
        Result object with the following attributes set: changed, diff, differences.

    Raises:
        CommandFailed: etcd refuses; carries its words.
        Fenced: another run has claimed the server.
    """
    session = session_for(task.host, task.nornir.config)
    differences = (Difference(Operation.DELETE, f"etcd member {member.name or member.address}", member.address),)
    if member.id not in {one.id for one in _look(session).members}:
        return Result(host=task.host, changed=False, diff="", differences=())
    with permit_for(task, Action(task.host.name, "removal of a dead etcd member", differences)) as permit:
        body = json.dumps({"ID": member.id})
        done = _run(session, f"{guard(permit.fence)}{ASK_ETCD}ask_etcd {_REMOVE} '{body}'\n")
    if member.id in {one.id for one in _look(session).members}:
        raise CommandFailed(
            task.host.name,
            f"removal of the etcd member {member.name}",
            exit_status=done.exit_status,
            stdout=done.stdout.decode(errors="replace"),
            cause="etcd refuses to lose a member while it needs every one that is up",
            next_step="koprogo-fleet k3s status",
        )
    return Result(host=task.host, changed=True, diff=str(differences[0]), differences=differences)


def stop_k3s(task: Task) -> Result:
    """
    Stop K3s on a node that leaves, so that it does not come back by itself; its pods go on.

    A server's etcd member goes down by it: that needs a runner that guards the quorum.

    Returns:
        Result object with the following attributes set: changed, diff, differences.

    Raises:
        WaitTimeout: the quorum would not survive it.
        CommandFailed: systemd does not stop it.
        Fenced: another run has claimed the node.
    """
    is_server = task.host.get("role") == Role.SERVER
    unit = unit_name(Role.SERVER if is_server else Role.AGENT)
    session = session_for(task.host, task.nornir.config)
    shown = session.run(f"systemctl is-active {unit}; systemctl is-enabled {unit} 2>/dev/null", timeout=20)
    state = shown.stdout.decode().split()
    if "enabled" not in state and "active" not in state and "activating" not in state:
        return Result(host=task.host, changed=False, diff="", differences=())
    differences = (Difference(Operation.CHANGE, f"service {unit}", " ".join(state), "stopped"),)
    with permit_for(task, Action(task.host.name, "stop of K3s", differences, disrupts_etcd=is_server)) as permit:
        _run(session, f"{guard(permit.fence)}systemctl disable --now {unit} 9<&-\n", STOP_SECONDS)
    return Result(host=task.host, changed=True, diff=str(differences[0]), differences=differences)


def clean_k3s(task: Task) -> Result:
    """
    Take everything of K3s off a node that has left its cluster: pods, data, configuration, its password.

    Returns:
        Result object with the following attributes set: changed, diff, differences.

    Raises:
        KoprogoError: something of it is left.
        Fenced: another run has claimed the node.
    """
    session = session_for(task.host, task.nornir.config)
    differences = tuple(Difference(Operation.DELETE, path) for path in _left(session))
    if not differences:
        return Result(host=task.host, changed=False, diff="", differences=())
    with permit_for(task, Action(task.host.name, "removal of K3s", differences)) as permit:
        _run(session, f"{guard(permit.fence)}{uninstall.SCRIPT}", CLEAN_SECONDS)
    if still := _left(session):
        raise KoprogoError(
            f"{task.host.name}: left of K3s: {', '.join(still)}",
            cause="something uses it, or it is a file system of its own",
            next_step=f"on {task.host.name}: fuser -vm {still[0]}; then run the same again",
        )
    return Result(host=task.host, changed=True, diff="\n".join(map(str, differences)), differences=differences)


def give_up_founding(  # noqa: PLR0913 - what the files are made of
    task: Task, fleet: Fleet, setup: Setup, *, tokens: Tokens, join: str, dry_run: bool | None = None
) -> Result:
    """
    Have the server that began the cluster say from now on that it joins it; K3s is not restarted.

    Args:
        task: given by Nornir.
        fleet: the desired state.
        setup: what was found out before, equal for every node.
        tokens: the full ones, as the other servers have them.
        join: the URL of another control plane, or of the endpoint.
        dry_run: only look and tell.

    Returns:
        Result object with the following attributes set: changed, diff, differences.
    """
    resources = joined(fleet, node_of(task.host, fleet), setup, tokens=tokens, addresses=addresses_of(task), join=join)
    return converge(task, resources, dry_run=dry_run, timeout=60)


def _look(session: Session) -> Presence:
    return presence.parse(_run(session, presence.LOOK).stdout.decode(errors="replace"))


def _left(session: Session) -> tuple[str, ...]:
    return uninstall.left(_run(session, uninstall.LOOK).stdout.decode(errors="replace"))


def _run(session: Session, script: str, seconds: float = LOOK_SECONDS) -> Completed:
    done = session.run_as_root("sh -s", stdin=script.encode(), timeout=seconds)
    if done.exit_status:
        said = done.stderr.decode(errors="replace")
        raise refusal(session.host, done.exit_status, said) or command_failed(session.host, "K3s", done)
    return done
