"""
Look, decide, act, report: the one way in which a task changes a node.

However many resources there are, one round trip looks at all of them and, if something is not as desired, a second one
mends all of it. A run that has nothing to do asks once and changes nothing.
"""

from __future__ import annotations

import secrets
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from types import MappingProxyType

from nornir.core.task import Result, Task

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import CommandTimeout, InputError, NotConverged, SessionLost
from koprogo_fleet.core.permit import Action
from koprogo_fleet.hosts.fence import guard, refusal
from koprogo_fleet.hosts.found import found
from koprogo_fleet.hosts.resource import Change, Decision, Fact, NotApplicable, Refused, Resource, once_commands
from koprogo_fleet.hosts.script import (
    Gathered,
    Handler,
    Step,
    apply_script,
    gather_script,
    handler_id,
    parse_apply,
    parse_gather,
)
from koprogo_fleet.ssh.connection import session_for
from koprogo_fleet.ssh.failures import command_failed
from koprogo_fleet.ssh.session import Completed, Session
from koprogo_tasks._confirm import confirm
from koprogo_tasks._permit import permit_for

_TIMED_OUT = 124
_KILLED = 137
_MARGIN_SECONDS = 15.0
_NO_HANDLERS: Mapping[str, str | Handler] = MappingProxyType({})


def converge(
    task: Task,
    resources: Sequence[Resource],
    *,
    handlers: Mapping[str, str | Handler] = _NO_HANDLERS,
    dry_run: bool | None = None,
    timeout: float = 300,
) -> Result:
    """
    Bring a host's *resources* into their desired state.

    What is going to be changed is told to the runner first, which may refuse it (see :mod:`koprogo_fleet.core.permit`):
    a run that has lost the node, a journal that cannot be written, a quorum that would not survive.

    Args:
        task: the Nornir task; its host is the node.
        resources: all looked at before any is mended, then mended in this order; the first that cannot be ends it.
            One that depends on an earlier one therefore decides for the case that it is not there yet, too. What is
            needed once for all changes (enabling services, syncing directories) comes after the last.
        handlers: sh by name (``{"restart ssh": "systemctl restart ssh"}``). Those that a change notifies run once, at
            the end, in this order. One that could not run, because something failed before, runs the next time. One
            that may take an etcd member down is a ``Handler(script, disrupts_etcd=True)``.
        dry_run: look and decide only; the answer is that of a real run. Default: Nornir's own setting.
        timeout: seconds for each of the two round trips. What runs on the node then is ended there.

    Returns:
        Result object with the following attributes set:
          * changed (bool): something was not as desired
          * diff (str): what, as text
          * differences (tuple of Difference): the same, as data
          * not_applicable (tuple of (name, reason)): what cannot be had on this node
          * found (tuple of :class:`~koprogo_fleet.hosts.found.Found`): the same by resource, in their order

    Raises:
        NotConverged: a resource refuses to be changed, and nothing was changed; or no new connection came to be under what
            was changed, and the node takes that back.
        Fenced: another run has claimed the node; nothing was changed.
        CommandFailed: a step failed; the ones before it are done, the others are not.
        CommandTimeout, SessionLost: as :meth:`~koprogo_fleet.ssh.session.Session.run`; run it again, it looks first.
        Unreachable, HostKeyMismatch, LoginRefused: as :func:`~koprogo_fleet.ssh.connection.connect`.
    """
    session = session_for(task.host, task.nornir.config)
    gathered = _gather(session, resources, timeout)
    decisions = _decide(resources, gathered.facts)
    _stop_if_refused(session.host, decisions)
    changes = [(resource.name, decision) for resource, decision in decisions if isinstance(decision, Change)]
    known = {name: item if isinstance(item, Handler) else Handler(item) for name, item in handlers.items()}
    owed = {name for name, handler in known.items() if handler_id(handler.script) in gathered.pending}
    differences = (
        *(difference for _, change in changes for difference in change.differences),
        *(Difference(Operation.CHANGE, name, old="still to be done", new="done") for name in handlers if name in owed),
    )
    if differences and not task.is_dry_run(dry_run):
        due = _due(changes, known, owed)
        disrupts_etcd = any(handler.disrupts_etcd for handler in due.values())
        with permit_for(task, Action(task.host.name, "converge", differences, disrupts_etcd)) as permit:
            _apply(session, changes, due, guard(permit.fence), timeout)
            if confirmations := [change.confirm for _, change in changes if change.confirm]:
                confirm(task, confirmations, guard(permit.fence))
    return Result(
        host=task.host,
        changed=bool(differences),
        diff="\n".join(_lines(differences)),
        differences=differences,
        not_applicable=_not_applicable(decisions),
        found=tuple(found(resource.name, decision) for resource, decision in decisions),
    )


def _decide(resources: Sequence[Resource], facts: Sequence[Fact]) -> list[tuple[Resource, Decision]]:
    """Set each fact against its resource; after a change that says what it leaves, the same look finds that."""
    left: dict[str, Fact] = {}
    decisions = []
    for resource, fact in zip(resources, facts, strict=True):
        look = resource.look()
        decision = resource.decide(left.get(look, fact))
        if isinstance(decision, Change) and decision.then is not None:
            left[look] = decision.then
        decisions.append((resource, decision))
    return decisions


def _gather(session: Session, resources: Sequence[Resource], timeout: float) -> Gathered:
    nonce = secrets.token_hex(16)
    what = f"look at {len(resources)} resources"
    completed = _run_script(session, gather_script(resources, nonce), timeout)
    if completed.exit_status == _TIMED_OUT:
        raise CommandTimeout(
            session.host, f"{what}: no end within {timeout:.0f} s", next_step="look at the node's load"
        )
    if completed.exit_status:
        raise command_failed(session.host, what, completed)
    try:
        return parse_gather(completed.stdout, nonce, resources)
    except ValueError as error:
        raise SessionLost(session.host, f"{what}: {error}", cause="the script was ended on the node") from error


def _apply(
    session: Session, changes: Sequence[tuple[str, Change]], handlers: Mapping[str, Handler], fence: str, timeout: float
) -> None:
    nonce = secrets.token_hex(16)
    steps = _steps(changes)
    shared = once_commands(change for _, change in changes)
    names = [*(step.name for step in steps), *shared, *handlers]
    scripts = {name: handler.script for name, handler in handlers.items()}
    steps += [Step(name, command) for name, command in shared.items()]
    completed = _run_script(session, apply_script(steps, scripts, nonce, guard=fence), timeout)
    try:
        applied = parse_apply(completed.stdout, completed.stderr, nonce)
    except ValueError as error:
        raise command_failed(session.host, f"change of {len(changes)} resources: {error}", completed) from error
    if applied.exit_status == 0:
        return
    if refused := refusal(session.host, completed.exit_status, applied.stderr.decode(errors="replace")):
        raise refused
    not_run = sum(name not in shared for name in names[applied.done + 1 :])
    what = names[min(applied.done, len(names) - 1)] + (
        f" (the {not_run} steps after it were not run)" if not_run else ""
    )
    if applied.exit_status is not None:
        raise command_failed(session.host, what, Completed(applied.exit_status, applied.stdout, applied.stderr))
    if completed.exit_status == _TIMED_OUT:
        tail = (applied.stdout + applied.stderr).decode(errors="replace").strip()[-500:]
        raise CommandTimeout(
            session.host,
            f"{what}: no end within {timeout:.0f} s" + (f"; it said: {tail}" if tail else ""),
            next_step="run the same again: it looks first, and does what is left",
        )
    if completed.exit_status == _KILLED:
        raise SessionLost(
            session.host,
            f"{what}: the script was killed on the node, the result is unknown",
            cause="the node is out of memory, or somebody killed it",
            next_step="run the same again: it looks first, and does what is left",
        )
    raise command_failed(session.host, f"{what}: the script was ended", completed)


def _steps(changes: Sequence[tuple[str, Change]]) -> list[Step]:
    """Return the changes as steps, in order; those in a row that can be made together are one."""
    steps = []
    for together, row in groupby(changes, lambda named: named[1].together and named[1].together.command):
        group = list(row)
        if together is None or len(group) == 1:
            steps += [Step(name, change.script, change.notify) for name, change in group]
            continue
        arguments = " ".join(shlex.quote(change.together.argument) for _, change in group if change.together)
        notify = tuple(dict.fromkeys(handler for _, change in group for handler in change.notify))
        steps.append(Step(", ".join(name for name, _ in group), f"{together} {arguments}", notify))
    return steps


def _run_script(session: Session, script: bytes, timeout: float) -> Completed:
    # Ended on the node itself too: a script must not go on when nobody waits for it any more. timeout ends with the same
    # status after its own kill as when the script was killed by another: the time that it took tells them apart.
    command = f"timeout --kill-after=5 {timeout:.0f} sh -s"
    started = time.monotonic()
    completed = session.run_as_root(command, stdin=script, timeout=timeout + _MARGIN_SECONDS)
    if completed.exit_status == _KILLED and time.monotonic() - started >= timeout:
        return replace(completed, exit_status=_TIMED_OUT)
    return completed


def _stop_if_refused(host: str, decisions: Sequence[tuple[Resource, Decision]]) -> None:
    refused = [(resource.name, decision) for resource, decision in decisions if isinstance(decision, Refused)]
    if refused:
        raise NotConverged(
            f"{host}: " + "; ".join(f"{name}: {decision.reason}" for name, decision in refused),
            cause="changing it could destroy something, so nothing on the node was changed",
            next_step=next((decision.next_step for _, decision in refused if decision.next_step), None),
        )


def _due(changes: Sequence[tuple[str, Change]], handlers: Mapping[str, Handler], owed: set[str]) -> dict[str, Handler]:
    notified = {name for _, change in changes for name in change.notify}
    if unknown := sorted(notified - handlers.keys()):
        raise InputError(f"a resource notifies a handler that is not given: {', '.join(unknown)}")
    return {name: handler for name, handler in handlers.items() if name in notified | owed}


def _lines(differences: Sequence[Difference]) -> list[str]:
    return [line for difference in differences for line in (str(difference), difference.detail) if line]


def _not_applicable(decisions: Sequence[tuple[Resource, Decision]]) -> tuple[tuple[str, str], ...]:
    parts = []
    for resource, decision in decisions:
        if isinstance(decision, NotApplicable):
            parts.append((resource.name, decision.reason))
        elif isinstance(decision, Change) and decision.not_applicable:
            parts.append((resource.name, decision.not_applicable))
    return tuple(parts)
