"""What has to be done at OVH: the desired fleet set against what the API shows. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from koprogo_fleet.core.diff import Difference
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.provision.graph import ordered
from koprogo_fleet.provision.kind import Existing, Kind, Ref, Wanted
from koprogo_fleet.provision.kinds import KINDS
from koprogo_fleet.provision.lists import Observed
from koprogo_fleet.provision.owned import Owned, orphans, owned, unwanted
from koprogo_fleet.provision.step import Action, Step, steps_for
from koprogo_fleet.provision.view import View

__all__ = ["Plan", "Step", "destroy_plan", "orphans", "plan"]


@dataclass(frozen=True)
class Plan:
    """
    The steps that lead from *observed* to *fleet*, in order; the notes are about what is left alone.

    Attributes:
        known: the objects that stay, by what others call them.
        again: makes the plan anew, from another look:
            :func:`~koprogo_fleet.provision.apply.apply` refuses to act on a world that has changed meanwhile.
    """

    fleet: Fleet
    public_key: str
    steps: tuple[Step, ...]
    notes: tuple[Note, ...]
    observed: Observed = field(repr=False)
    known: Mapping[Ref, Existing[Any]] = field(repr=False)
    again: Callable[[Observed], Plan] = field(repr=False, compare=False)

    @property
    def differences(self) -> tuple[Difference, ...]:
        """What is not as desired, for showing."""
        return tuple(step.difference for step in self.steps)

    @property
    def refused(self) -> tuple[Step, ...]:
        """The steps that a person has to take: while there are any, nothing is applied."""
        return tuple(step for step in self.steps if step.action is Action.REFUSE)

    def only(self, keep: Callable[[Step], bool]) -> Plan:
        """Return the plan of those steps that *keep* says of; the others are not done by it."""
        steps = tuple(step for step in self.steps if keep(step))
        return replace(self, steps=steps, notes=(), again=lambda later: self.again(later).only(keep))

    def unconfirmed(self, confirmed: frozenset[str]) -> tuple[Step, ...]:
        """Return the steps that lose data and whose object's name is not among the *confirmed*."""
        return tuple(step for step in self.steps if step.loses_data and step.ref.name not in confirmed)


def plan(fleet: Fleet, observed: Observed, public_key: str) -> Plan:
    """
    Compare *fleet* with *observed*.

    Deleted is only what fleet.yaml speaks of and does not want: the last nodes of a pool that became smaller, with
    what belongs to them. Whatever else bears the fleet's name is noted, and left alone.

    Args:
        fleet: what should exist.
        observed: what the API shows.
        public_key: the OpenSSH line of the fleet's key.

    Raises:
        InputError: the region has no such flavor or image, or the quota does not suffice.
    """
    view = View(fleet, observed, public_key)
    surplus = [item for item in unwanted(observed, fleet) if item.kind.surplus(fleet, item.existing.name)]
    steps = (*_surplus_steps(surplus, fleet), *_wanted_steps(fleet, observed, view))
    for kind in KINDS:
        makes = {Action.CREATE, Action.REPLACE}
        new = [step.wanted for step in steps if step.kind is kind and step.wanted and step.action in makes]
        kind.check(new, view)
    return Plan(
        fleet,
        public_key,
        steps,
        tuple(_left_alone(item for item in orphans(observed, fleet) if item not in surplus)),
        observed,
        view.kept,
        again=lambda later: plan(fleet, later, public_key),
    )


def destroy_plan(observed: Observed, fleet: Fleet) -> Plan:
    """Return the plan that deletes everything that bears the fleet's names, what needs other things first."""
    steps = tuple(_deletions(owned(observed, fleet)))
    return Plan(fleet, "", steps, (), observed, {}, again=lambda later: destroy_plan(later, fleet))


def _wanted_steps(fleet: Fleet, observed: Observed, view: View) -> Iterator[Step]:
    wanted: dict[Ref, tuple[Kind[Any, Any], Wanted[Any]]] = {}
    found: dict[Ref, list[Existing[Any]]] = defaultdict(list)
    for kind in KINDS:
        wanted |= {kind.ref(item.name): (kind, item) for item in kind.wanted(fleet)}
        for existing in kind.existing(observed, fleet):
            found[kind.ref(existing.name)].append(existing)
    for ref in ordered({ref: item.needs for ref, (_, item) in wanted.items()}):
        yield from steps_for(*wanted[ref], found[ref], view)


def _surplus_steps(items: Iterable[Owned], fleet: Fleet) -> Iterator[Step]:
    """Delete what is surplus, but for what its kind does not let go like that."""
    for step in _deletions(items):
        refused = step.kind.stays(fleet, step.existing) if step.existing is not None else None
        if refused is None:
            yield step
        else:
            yield Step(step.kind, Action.REFUSE, None, step.existing, refused.old, refused.new, refused.next_step)


def _deletions(items: Iterable[Owned]) -> Iterator[Step]:
    """Order deletions: what needs others goes before them, the highest numbers first."""
    by_ref: dict[Ref, list[Owned]] = defaultdict(list)
    for item in items:
        by_ref[item.ref].append(item)
    needs = {ref: [need for item in same for need in item.existing.needs] for ref, same in by_ref.items()}
    for ref in reversed(ordered(needs)):
        for kind, existing in by_ref[ref]:
            yield Step(kind, Action.DELETE, existing=existing, loses_data=kind.holds_data)


def _left_alone(items: Iterable[Owned]) -> Iterator[Note]:
    for item in items:
        yield Note(f"{item.ref} ({item.existing.id}) is not in fleet.yaml; it is left as it is")
