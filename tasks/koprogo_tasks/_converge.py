"""
Look, decide, act, report: the one way in which a task changes a node.

However many resources there are, one round trip looks at all of them and, if something is not as desired, a second one
mends all of it. A run that has nothing to do asks once and changes nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from nornir.core.task import Result, Task

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.core.errors import CommandTimeout, InputError, NotConverged, SessionLost
from koprogo_fleet.hosts.resource import Change, Decision, NotApplicable, Refused, Resource
from koprogo_fleet.hosts.script import (
    Gathered,
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

_TIMED_OUT = (124, 137)
_MARGIN_SECONDS = 15.0
_NO_HANDLERS: Mapping[str, str] = MappingProxyType({})


def converge(
    task: Task,
    resources: Sequence[Resource],
    *,
    handlers: Mapping[str, str] = _NO_HANDLERS,
    dry_run: bool | None = None,
    timeout: float = 300,
) -> Result:
    """
    Bring a host's *resources* into their desired state.

    Args:
        task: the Nornir task; its host is the node.
        resources: all looked at before any is mended, then mended in this order; the first that cannot be ends it.
            One that depends on an earlier one therefore decides for the case that it is not there yet, too.
        handlers: sh by name (``{"restart ssh": "systemctl restart ssh"}``). Those that a change notifies run once, at
            the end, in this order. One that could not run, because something failed before, runs the next time.
        dry_run: look and decide only; the answer is that of a real run. Default: Nornir's own setting.
        timeout: seconds for each of the two round trips. What runs on the node then is ended there.

    Returns:
        Result object with the following attributes set:
          * changed (bool): something was not as desired
          * diff (str): what, as text
          * differences (tuple of Difference): the same, as data
          * not_applicable (tuple of (name, reason)): what cannot be had on this node

    Raises:
        NotConverged: a resource refuses to be changed; nothing was changed.
        CommandFailed: a step failed; the ones before it are done, the others are not.
        CommandTimeout, SessionLost: as :meth:`~koprogo_fleet.ssh.session.Session.run`; run it again, it looks first.
        Unreachable, HostKeyMismatch, LoginRefused: as :func:`~koprogo_fleet.ssh.connection.connect`.
    """
    session = session_for(task.host, task.nornir.config)
    gathered = _gather(session, resources, timeout)
    decisions = [(resource, resource.decide(fact)) for resource, fact in zip(resources, gathered.facts, strict=True)]
    _stop_if_refused(session.host, decisions)
    changes = [(resource.name, decision) for resource, decision in decisions if isinstance(decision, Change)]
    owed = {name for name, script in handlers.items() if handler_id(script) in gathered.pending}
    differences = (
        *(difference for _, change in changes for difference in change.differences),
        *(Difference(Operation.CHANGE, name, old="still to be done", new="done") for name in handlers if name in owed),
    )
    if differences and not task.is_dry_run(dry_run):
        _apply(session, changes, _due(changes, handlers, owed), timeout)
    return Result(
        host=task.host,
        changed=bool(differences),
        diff="\n".join(_lines(differences)),
        differences=differences,
        not_applicable=_not_applicable(decisions),
    )


def _gather(session: Session, resources: Sequence[Resource], timeout: float) -> Gathered:
    nonce = secrets.token_hex(16)
    what = f"look at {len(resources)} resources"
    completed = _run_script(session, gather_script(resources, nonce), timeout)
    if completed.exit_status in _TIMED_OUT:
        raise CommandTimeout(
            session.host, f"{what}: no end within {timeout:.0f} s", next_step="look at the node's load"
        )
    if completed.exit_status:
        raise command_failed(session.host, what, completed)
    try:
        return parse_gather(completed.stdout, nonce)
    except ValueError as error:
        raise SessionLost(session.host, f"{what}: {error}", cause="the script was ended on the node") from error


def _apply(
    session: Session, changes: Sequence[tuple[str, Change]], handlers: Mapping[str, str], timeout: float
) -> None:
    nonce = secrets.token_hex(16)
    steps = [Step(name, change.script, change.notify) for name, change in changes]
    names = [*(step.name for step in steps), *handlers]
    completed = _run_script(session, apply_script(steps, handlers, nonce), timeout)
    try:
        applied = parse_apply(completed.stdout, completed.stderr, nonce)
    except ValueError as error:
        raise command_failed(session.host, f"change of {len(steps)} resources: {error}", completed) from error
    if applied.exit_status == 0:
        return
    not_run = len(names) - applied.done - 1
    what = names[min(applied.done, len(names) - 1)] + (
        f" (the {not_run} steps after it were not run)" if not_run else ""
    )
    if applied.exit_status is not None:
        raise command_failed(session.host, what, Completed(applied.exit_status, applied.stdout, applied.stderr))
    if completed.exit_status in _TIMED_OUT:
        tail = (applied.stdout + applied.stderr).decode(errors="replace").strip()[-500:]
        raise CommandTimeout(
            session.host,
            f"{what}: no end within {timeout:.0f} s" + (f"; it said: {tail}" if tail else ""),
            next_step="run the same again: it looks first, and does what is left",
        )
    raise command_failed(session.host, f"{what}: the script was ended", completed)


def _run_script(session: Session, script: bytes, timeout: float) -> Completed:
    # Ended on the node itself too: a script must not go on when nobody waits for it any more.
    command = session.as_root(f"timeout --kill-after=5 {timeout:.0f} sh -s")
    return session.run(command, stdin=script, timeout=timeout + _MARGIN_SECONDS)


def _stop_if_refused(host: str, decisions: Sequence[tuple[Resource, Decision]]) -> None:
    refused = [(resource.name, decision) for resource, decision in decisions if isinstance(decision, Refused)]
    if refused:
        raise NotConverged(
            f"{host}: " + "; ".join(f"{name}: {decision.reason}" for name, decision in refused),
            cause="changing it could destroy something, so nothing on the node was changed",
            next_step=next((decision.next_step for _, decision in refused if decision.next_step), None),
        )


def _due(changes: Sequence[tuple[str, Change]], handlers: Mapping[str, str], owed: set[str]) -> dict[str, str]:
    notified = {name for _, change in changes for name in change.notify}
    if unknown := sorted(notified - handlers.keys()):
        raise InputError(f"a resource notifies a handler that is not given: {', '.join(unknown)}")
    return {name: script for name, script in handlers.items() if name in notified | owed}


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
