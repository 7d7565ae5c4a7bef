"""Asking the runner for leave to change a node."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from nornir.core.task import Task

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.permit import Action, Permit


def permit_for(task: Task, action: Action) -> AbstractContextManager[Permit]:
    """
    Return the permit of the runner that runs *task*.

    Nornir's own runners know no permits: whatever leaves etcd alone is allowed there.

    Raises:
        InputError: *action* disrupts etcd, and the runner cannot prove that the quorum survives it.
    """
    give = getattr(task.nornir.runner, "permit", None)
    if give is not None:
        permit: AbstractContextManager[Permit] = give(action)
        return permit
    if action.disrupts_etcd:
        raise InputError(
            f"{action.host}: {action.what} may take an etcd member down, and this Nornir runner cannot guard the quorum",
            next_step='InitNornir(runner={"plugin": "fleet"}), or nornir.with_runner(FleetRunner(...))',
        )
    return nullcontext(Permit())
