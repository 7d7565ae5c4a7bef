"""What the steps of a plan mean for their order: what is deleted and what is made, and after what. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from koprogo_fleet.provision.graph import After
from koprogo_fleet.provision.kind import Ref
from koprogo_fleet.provision.step import Action, Step


class Part(StrEnum):
    """What is done about a step's object; a replacement is both."""

    DELETE = "delete"
    MAKE = "make"


class Job(NamedTuple):
    """A part of a step, which is known by its place in the plan."""

    step: int
    part: Part


def jobs_of(steps: Sequence[Step]) -> dict[Job, After[Job]]:
    """
    Return what has to be done, and after what.

    An object is made when all that it needs is ready, and deleted when all that needs it is gone, or was changed so
    that it does so no more: a node leaves its load balancer first. What goes makes room in its kind (an address, a
    quota) for what comes: that is waited for, but need not succeed.
    """
    makers, needing, going = (
        defaultdict[Ref, set[Job]](set),
        defaultdict[Ref, set[Job]](set),
        defaultdict[str, set[Job]](set),
    )
    for index, step in enumerate(steps):
        if step.action is not Action.DELETE:
            makers[step.ref].add(Job(index, Part.MAKE))
        if step.existing is not None and step.action in {Action.DELETE, Action.REPLACE}:
            going[step.kind.noun].add(Job(index, Part.DELETE))
            for need in step.existing.needs:
                needing[need].add(Job(index, Part.DELETE))
        if step.existing is not None and step.wanted is not None and step.action is Action.CHANGE:
            for need in set(step.existing.needs).difference(step.wanted.needs):
                needing[need].add(Job(index, Part.MAKE))
    leaves_room = {noun: frozenset(deleted) for noun, deleted in going.items()}
    jobs: dict[Job, After[Job]] = {}
    for index, step in enumerate(steps):
        deletion = Job(index, Part.DELETE)
        replaced = deletion in going[step.kind.noun]
        if replaced:
            jobs[deletion] = After(frozenset(needing[step.ref]))
        if step.wanted is not None:
            needs = {maker for need in step.wanted.needs for maker in makers[need]} | (
                {deletion} if replaced else set()
            )
            jobs[Job(index, Part.MAKE)] = After(frozenset(needs), leaves_room.get(step.kind.noun, frozenset()))
    return jobs
