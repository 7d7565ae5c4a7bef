"""Carrying out a plan: what the nodes share first, one after the other; then the nodes, in parallel."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace

from koprogo_fleet.core.errors import KoprogoError, NotConverged, OvhConflict
from koprogo_fleet.core.events import Listener, ignore
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.provision.actions import NodeAction, Refuse, SharedAction
from koprogo_fleet.provision.node_builder import NodeBuilder
from koprogo_fleet.provision.plan import Plan, plan
from koprogo_fleet.provision.resources import observe
from koprogo_fleet.provision.shared_builder import build_shared
from koprogo_fleet.provision.step import Step
from koprogo_fleet.provision.surroundings import FirstFiles, HostKeys, Limits, no_files

__all__ = ["FirstFiles", "HostKeys", "Limits", "apply"]

_NODES_AT_ONCE = 8


def apply(  # noqa: PLR0913 - what it needs, by name
    shown: Plan,
    api: OvhApi,
    host_keys: HostKeys,
    *,
    first_files: FirstFiles = no_files,
    listener: Listener = ignore,
    limits: Limits | None = None,
) -> None:
    """
    Do every step of a plan, and return when all of it is true.

    Nothing is created twice, and nothing is deleted but instances that failed while they were built. The plan is made
    again first, from a fresh look: what has become true meanwhile is not done, and what was not *shown* neither.

    Args:
        shown: the plan that the user has seen.
        api: where to do it.
        host_keys: makes a host key for each new instance, before it is created.
        first_files: what each new instance has from its first boot.
        listener: is told from several threads at once.
        limits: how long the waits may take.

    Raises:
        NotConverged: a step needs a person first (nothing was done), or more than one node failed.
        OvhConflict: the cloud shows other differences now than it did for the plan; nothing was done.
        OvhError: the API refuses, or an instance ended in ERROR twice.
        WaitTimeout: something took longer than its limit.
    """
    _stop_if_refused(shown)
    if not shown.steps:
        return
    fresh = plan(shown.fleet, observe(api, shown.fleet), shown.public_key)
    _stop_if_refused(fresh)
    if new := {step.difference.what for step in fresh.steps} - {step.difference.what for step in shown.steps}:
        raise OvhConflict(
            f"the objects at OVH have changed since the plan was made: {', '.join(sorted(new))}",
            cause="another run, or a person",
            next_step="run the command again, and look at the new plan",
        )
    shared, by_node = _sorted(fresh.steps)
    around = build_shared(fresh, api, shared, listener, limits or Limits())
    _build_all(NodeBuilder(replace(around, first_files=first_files), host_keys), by_node)


def _stop_if_refused(wanted: Plan) -> None:
    if not wanted.refused:
        return
    hints = dict.fromkeys(step.action.next_step for step in wanted.refused if isinstance(step.action, Refuse))
    raise NotConverged(
        "nothing was done, because these differences need you first:\n  "
        + "\n  ".join(str(step.difference) for step in wanted.refused),
        cause="what exists at OVH has another shape than fleet.yaml says",
        next_step="; ".join(hints),
    )


def _sorted(steps: Sequence[Step]) -> tuple[list[SharedAction], dict[str, list[NodeAction]]]:
    shared: list[SharedAction] = []
    by_node: dict[str, list[NodeAction]] = defaultdict(list)
    for step in steps:
        if isinstance(step.action, NodeAction):
            by_node[step.action.node.name].append(step.action)
        elif not isinstance(step.action, Refuse):
            shared.append(step.action)
    return shared, by_node


def _build_all(builder: NodeBuilder, by_node: Mapping[str, Sequence[NodeAction]]) -> None:
    """Build the nodes; one that fails does not stop the others, a person who presses Ctrl-C does."""
    failed: list[KoprogoError] = []
    with ThreadPoolExecutor(_NODES_AT_ONCE, thread_name_prefix="provision") as pool:
        jobs = [pool.submit(builder.build, actions) for actions in by_node.values()]
        try:
            for job in as_completed(jobs):
                try:
                    job.result()
                except KoprogoError as error:
                    failed.append(error)
        except BaseException:
            builder.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise NotConverged(
            f"{len(failed)} of {len(by_node)} nodes failed:\n  " + "\n  ".join(error.seen for error in failed),
            cause=failed[0].cause,
            next_step=failed[0].next_step,
        )
