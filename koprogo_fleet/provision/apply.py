"""Carrying out a plan: every object as soon as what it needs is ready, independent ones side by side."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from koprogo_fleet.core.errors import KoprogoError, NotConverged, OvhConflict
from koprogo_fleet.core.events import Listener, Note, ignore
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.provision import graph
from koprogo_fleet.provision.builder import Builder
from koprogo_fleet.provision.jobs import Job, Part, jobs_of
from koprogo_fleet.provision.keeper import NO_KEEPER, Keeper
from koprogo_fleet.provision.kind import Existing, Ref
from koprogo_fleet.provision.lists import Live
from koprogo_fleet.provision.observe import observe
from koprogo_fleet.provision.plan import Plan
from koprogo_fleet.provision.site import FirstFiles, HostKeys, Limits, Site, no_files
from koprogo_fleet.provision.step import Action, Step

__all__ = ["FirstFiles", "HostKeys", "Limits", "apply", "destroy", "stop_unless_allowed"]

_AT_ONCE = 32  # most of them wait, and share their looks


def apply(  # noqa: PLR0913 - what it needs, by name
    shown: Plan,
    api: OvhApi,
    host_keys: HostKeys | None = None,
    *,
    confirmed: frozenset[str] = frozenset(),
    first_files: FirstFiles = no_files,
    keeper: Keeper = NO_KEEPER,
    listener: Listener = ignore,
    limits: Limits | None = None,
) -> Mapping[Ref, Existing[Any]]:
    """
    Do every step of a plan, and return when all of it is true; the answer is every object that is ready then.

    Nothing is created twice. The plan is made again first, from a fresh look, unless the limits say that the last one
    lasts: what has become true meanwhile is not done, and what was not *shown* neither.

    Args:
        shown: the plan that the user has seen.
        api: where to do it.
        host_keys: makes a host key for each new instance, before it is created.
        confirmed: the names of the objects that may be deleted or replaced although they hold data.
        first_files: what each new instance has from its first boot.
        keeper: keeps the secrets that OVH gives us.
        listener: is told from several threads at once.
        limits: how long the waits may take.

    Raises:
        NotConverged: a step needs a person or a confirmation first (nothing was done), or more than one object failed.
        OvhConflict: the cloud shows other differences now than it did for the plan; nothing was done.
        OvhError: the API refuses, or an object failed twice.
        WaitTimeout: something took longer than its limit.
    """
    stop_unless_allowed(shown, confirmed)
    if not shown.steps:
        return shown.known
    limits, fresh = limits or Limits(), shown
    if time.monotonic() - shown.observed.at > limits.look_lasts:
        fresh = shown.again(observe(api, shown.fleet, keeper))
        stop_unless_allowed(fresh, confirmed)
        _stop_if_moved(shown, fresh)
    lists = Live(api, fresh.fleet, limits.look_every, keeper)
    known = dict(fresh.known)
    site = Site(api, fresh.fleet, fresh.public_key, lists, limits, listener, host_keys, first_files, known=known)
    builder = Builder(site)

    def work(job: Job) -> None:
        step = fresh.steps[job.step]
        if job.part is Part.DELETE:
            builder.delete(step)
        else:
            builder.make(step)

    jobs = jobs_of(fresh.steps)
    failures = graph.run(jobs, work, at_once=_AT_ONCE, stop=lists.stop)
    for job in failures.held_back:
        listener(Note(f"{fresh.steps[job.step].ref}: not done, because it needs something that failed"))
    _raise_all(failures.errors, jobs)
    return known


def destroy(  # noqa: PLR0913 - what it needs, by name
    shown: Plan,
    api: OvhApi,
    *,
    confirmed: frozenset[str],
    keeper: Keeper = NO_KEEPER,
    listener: Listener = ignore,
    limits: Limits | None = None,
) -> None:
    """
    Carry out a :func:`~koprogo_fleet.provision.plan.destroy_plan`, then look again: nothing may be left.

    Raises:
        NotConverged: something is left, or was not confirmed.
        KoprogoError: as :func:`apply`.
    """
    apply(shown, api, confirmed=confirmed, keeper=keeper, listener=listener, limits=limits)
    if left := shown.again(observe(api, shown.fleet, keeper)).steps:
        raise NotConverged(
            "objects that bear the fleet's names still exist: " + ", ".join(str(step.ref) for step in left),
            cause="another run created them meanwhile, or OVH's lists are late",
            next_step="run the command again",
        )


def stop_unless_allowed(wanted: Plan, confirmed: frozenset[str]) -> None:
    """
    Do nothing if a plan may be carried out.

    Raises:
        NotConverged: a step needs a person first, or loses data and is not among the *confirmed*.
    """
    if wanted.refused:
        raise NotConverged(
            _nothing_was_done("need you first", wanted.refused),
            cause="what exists at OVH has another shape than fleet.yaml says",
            next_step="; ".join(dict.fromkeys(step.next_step for step in wanted.refused)),
        )
    if unconfirmed := wanted.unconfirmed(confirmed):
        flags = dict.fromkeys(f"--confirm {step.ref.name}" for step in unconfirmed)
        raise NotConverged(
            _nothing_was_done("lose data and are not confirmed", unconfirmed),
            cause="what fleet.yaml says now cannot be reached without deleting what may hold data",
            next_step=f"change fleet.yaml back; or, when nothing on them is needed any more, add {' '.join(flags)}",
        )


def _nothing_was_done(why: str, steps: Collection[Step]) -> str:
    return f"nothing was done, because these differences {why}:\n  " + "\n  ".join(
        str(step.difference) for step in steps
    )


def _stop_if_moved(shown: Plan, fresh: Plan) -> None:
    new = dict.fromkeys(_promised(fresh))
    for promise in _promised(shown):
        new.pop(promise, None)
    if new:
        raise OvhConflict(
            "the objects at OVH have changed since the plan was made: "
            + ", ".join(sorted({str(promise[0]) for promise in new})),
            cause="another run, or a person",
            next_step="run the command again, and look at the new plan",
        )


def _promised(wanted: Plan) -> Iterator[tuple[Ref, str]]:
    """Return what each step is about; of one that loses something, also which object exactly."""
    for step in wanted.steps:
        final = step.existing is not None and (step.loses_data or step.action is Action.DELETE)
        yield step.ref, step.existing.id if final and step.existing else ""


def _raise_all(errors: Mapping[Job, KoprogoError], jobs: Collection[Job]) -> None:
    found = tuple(errors.values())
    if len(found) == 1:
        raise found[0]
    if found:
        raise NotConverged(
            f"{len(found)} of {len(jobs)} steps failed:\n  " + "\n  ".join(error.seen for error in found),
            cause=found[0].cause,
            next_step=found[0].next_step,
        )
