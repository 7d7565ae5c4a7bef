"""One step of a plan, and how it follows from what is wanted and what exists. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from koprogo_fleet.core.diff import Difference, Operation
from koprogo_fleet.provision.kind import Change, Existing, Kind, Ref, Refuse, Replace, Spec, Value, Wanted
from koprogo_fleet.provision.view import View


class Action(StrEnum):
    """What a step does."""

    CREATE = "create"
    FINISH = "finish"  # it is on its way: only waited for
    CHANGE = "change"
    REPLACE = "replace"
    DELETE = "delete"
    REFUSE = "refuse"  # a person has to do something first


_OPERATIONS = {
    Action.CREATE: Operation.CREATE,
    Action.REPLACE: Operation.REPLACE,
    Action.DELETE: Operation.DELETE,
}


@dataclass(frozen=True)
class Step:
    """
    What is not as desired, and what mends it.

    Attributes:
        wanted: None where the object is only deleted.
        existing: None where it is only created.
        next_step: what a person has to do, where the step is refused.
        loses_data: what the object may hold is gone afterwards.
    """

    kind: Kind[Any, Any]
    action: Action
    wanted: Wanted[Any] | None = None
    existing: Existing[Any] | None = None
    old: str = ""
    new: str = ""
    next_step: str = ""
    loses_data: bool = False

    @property
    def ref(self) -> Ref:
        """The object."""
        one: Wanted[Any] | Existing[Any] | None = self.wanted or self.existing
        assert one is not None  # noqa: S101 - a step is about something
        return self.kind.ref(one.name)

    @property
    def difference(self) -> Difference:
        """What is not as desired, for showing."""
        operation = _OPERATIONS.get(self.action, Operation.CHANGE)
        if self.action is Action.REFUSE and self.existing is None:
            operation = Operation.CREATE
        return Difference(operation, str(self.ref), self.old, self.new)


def steps_for(
    kind: Kind[Spec, Value], wanted: Wanted[Spec], found: Sequence[Existing[Value]], view: View
) -> Iterator[Step]:
    """Return what has to be done about one wanted object; *view* takes note if what exists stays."""
    if not found:
        obstacle = kind.obstacle(wanted, view)
        if obstacle is not None:
            yield Step(kind, Action.REFUSE, wanted, None, obstacle.old, obstacle.new, obstacle.next_step)
        else:
            yield Step(kind, Action.CREATE, wanted, new=kind.describe(wanted, view))
    elif len(found) > 1:
        old = f"{len(found)} of that name: {', '.join(existing.id for existing in found)}"
        next_step = f"find out which {kind.noun} is in use, and delete or rename the other at OVH"
        yield Step(kind, Action.REFUSE, wanted, found[0], old, "1", next_step)
    else:
        steps = tuple(_compared(kind, wanted, found[0], view))
        if all(step.action is not Action.REPLACE for step in steps):
            view.keep(kind, found[0])
        yield from steps


def _compared(kind: Kind[Spec, Value], wanted: Wanted[Spec], existing: Existing[Value], view: View) -> Iterator[Step]:
    failed = kind.failed(existing.value)
    if failed and not kind.lived(existing.value):
        yield Step(kind, Action.REPLACE, wanted, existing, failed, "created again")
        return
    verdicts = tuple(kind.compare(wanted, existing, view))
    refused = [verdict for verdict in verdicts if isinstance(verdict, Refuse)]
    replaced = [verdict for verdict in verdicts if isinstance(verdict, Replace)]
    changed = [verdict for verdict in verdicts if isinstance(verdict, Change)]
    for verdict in refused:
        yield Step(kind, Action.REFUSE, wanted, existing, verdict.old, verdict.new, verdict.next_step)
    if refused:
        return
    if replaced:
        loses_data = kind.holds_data and any(verdict.loses_data for verdict in replaced)
        yield Step(kind, Action.REPLACE, wanted, existing, *_joined(replaced), loses_data=loses_data)
    elif failed:
        next_step = f"bring {kind.ref(wanted.name)} ({existing.id}) back in the OVH manager, or delete it there"
        yield Step(kind, Action.REFUSE, wanted, existing, failed, kind.ready_when, next_step)
    elif changed:
        yield Step(kind, Action.CHANGE, wanted, existing, *_joined(changed))
    elif lacking := kind.lacks(wanted, existing.value):
        yield Step(kind, Action.FINISH, wanted, existing, lacking, kind.ready_when)


def _joined(verdicts: Sequence[Change | Replace]) -> tuple[str, str]:
    return ", ".join(verdict.old for verdict in verdicts), ", ".join(verdict.new for verdict in verdicts)
