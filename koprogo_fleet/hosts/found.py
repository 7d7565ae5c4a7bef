"""What was found of each resource: for reports that go by resource, not by difference."""

from __future__ import annotations

from dataclasses import dataclass

from koprogo_fleet.core.diff import Difference
from koprogo_fleet.hosts.resource import Change, Decision, NotApplicable


@dataclass(frozen=True)
class Found:
    """
    One resource of a node, as it was found.

    Attributes:
        resource: its name.
        differences: what was not as desired; empty if nothing was.
        not_applicable: why it, or a part of it, cannot be had on this node; empty if all of it can.
    """

    resource: str
    differences: tuple[Difference, ...] = ()
    not_applicable: str = ""


def found(name: str, decision: Decision) -> Found:
    """Return what a *decision* about the resource *name* says; one that is refused ends a run instead."""
    if isinstance(decision, Change):
        return Found(name, decision.differences, decision.not_applicable)
    return Found(name, not_applicable=decision.reason if isinstance(decision, NotApplicable) else "")
