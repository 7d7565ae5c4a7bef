"""What is done about one object: created once, waited for, created again if it failed, changed, deleted."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Any, Generic, NamedTuple

from koprogo_fleet.core.errors import OvhError, OvhNotFound, OvhUnavailable
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.wait import NotYet
from koprogo_fleet.provision.kind import Existing, Kind, Spec, Value, Wanted
from koprogo_fleet.provision.once import create_once, once_known
from koprogo_fleet.provision.site import Site
from koprogo_fleet.provision.step import Action, Step

_REFUSED_FOR_NOW = {HTTPStatus.BAD_REQUEST, HTTPStatus.CONFLICT}
"""
OVH's answers to a deletion while something that just went still counts (terraform-provider-ovh, issue 162), and to a
change that is under way already.
"""


class _Ended(NamedTuple, Generic[Value]):
    """What waiting for an object came to: it is ready, or *failed* so; None: it failed and is not there."""

    existing: Existing[Value] | None
    failed: str = ""


class Builder:
    """Does the work of steps, from many threads at once; one call reads each list for all that wait."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._gone: set[str] = set()  # ids: a list that is late may show them still

    def delete(self, step: Step) -> None:
        """
        Delete what exists, and wait until it is gone.

        Raises:
            OvhError: the API refuses.
            WaitTimeout: it did not go in time, or the API said for so long that it cannot go yet.
        """
        assert step.existing is not None  # noqa: S101 - the plan's promise
        self._delete(step.kind, step.existing)
        self._site.listener(Note(f"{step.ref} deleted"))

    def make(self, step: Step) -> None:
        """
        Create, finish or change the object, and wait until it is ready.

        Raises:
            OvhError: the API refuses, or the object failed twice.
            WaitTimeout: it took longer than its limit.
        """
        kind, wanted, existing = step.kind, step.wanted, step.existing
        assert wanted is not None  # noqa: S101 - the plan's promise
        if existing is not None and step.action is Action.CHANGE:
            ready = self._change(kind, wanted, existing)
        elif existing is not None and step.action is Action.FINISH:
            ready = self._finish(kind, wanted, existing.id, ours=False)
        else:
            created = self._create(kind, wanted)
            value = kind.created(wanted, created, self._site)
            ready = Existing(wanted.name, created, value) if value else self._finish(kind, wanted, created, ours=True)
        self._site.known[step.ref] = ready

    def _create(self, kind: Kind[Spec, Any], wanted: Wanted[Spec]) -> str:
        site, ref = self._site, kind.ref(wanted.name)

        def find() -> str | None:
            found = (item for item in kind.existing(site.lists, site.fleet) if item.name == wanted.name)
            return next((item.id for item in found if item.id not in self._gone), None)

        def create() -> str:
            return kind.create(wanted, site)

        make = (lambda: once_known(site, str(ref), create)) if wanted.needs else create
        created = create_once(site, str(ref), make, find)
        site.listener(Note(f"{ref} created ({created})"))
        return created

    def _finish(self, kind: Kind[Spec, Value], wanted: Wanted[Spec], found: str, *, ours: bool) -> Existing[Value]:
        """Wait for what was created; if it failed and nobody has used it (surely not if it is *ours*), once more."""
        what, (existing, failed) = f"{wanted.name}: the {kind.noun}", self._ended(kind, wanted, found)
        if existing is None:
            self._site.listener(Note(f"{what} came to nothing ({failed}); it is asked for once more"))
            found = self._create_after(kind, wanted, f"{what} came to nothing ({failed})")
        elif not failed:
            return existing
        elif not ours and kind.lived(existing.value):
            raise OvhError(f"{what} ({found}) ended in {failed}", next_step="look at it in the OVH manager")
        else:
            self._site.listener(Note(f"{what} ended in {failed}; it is deleted and created once more"))
            self._delete(kind, existing)
            found = self._create(kind, wanted)
        existing, failed = self._ended(kind, wanted, found)
        if existing is None or failed:
            raise OvhError(
                f"{what} ({found}) {'ended in' if existing else 'came to nothing:'} {failed} twice",
                cause=kind.failure_cause(wanted),
                next_step="run the command again later, or change fleet.yaml: another flavor, size or region",
            )
        return existing

    def _create_after(self, kind: Kind[Spec, Any], wanted: Wanted[Spec], failure: str) -> str:
        """Create it once more; where OVH refuses that, *failure* is the reason."""
        try:
            return self._create(kind, wanted)
        except OvhUnavailable:
            raise
        except OvhError as error:
            raise OvhError.about_the_call_of(
                error,
                f"{failure}, and OVH refuses to do it again: {error.seen}",
                cause=kind.failure_cause(wanted),
                next_step=f"look at {kind.ref(wanted.name)} in the OVH manager, then run the command again",
            ) from error

    def _change(self, kind: Kind[Spec, Value], wanted: Wanted[Spec], existing: Existing[Value]) -> Existing[Value]:
        try:
            kind.change(wanted, existing, self._site)
        except OvhUnavailable:
            self._site.lists.forget()
            self._change_again(kind, wanted, self._listed(kind, existing.id) or existing)
        now, failed = self._ended(kind, wanted, existing.id)
        if now is None or failed:
            raise OvhError(
                f"{wanted.name}: the {kind.noun} ({existing.id}) was changed and ended in {failed}",
                next_step="look at it in the OVH manager",
            )
        return now

    def _change_again(self, kind: Kind[Spec, Value], wanted: Wanted[Spec], existing: Existing[Value]) -> None:
        """Ask once more after a lost answer: what is done already is refused; the wait tells whether it came true."""
        try:
            kind.change(wanted, existing, self._site)
        except OvhUnavailable:
            return
        except OvhError as error:
            if error.status not in _REFUSED_FOR_NOW:
                raise

    def _ended(self, kind: Kind[Spec, Value], wanted: Wanted[Spec], found: str) -> _Ended[Value]:
        """Wait until the object is ready, or has failed, or will surely not come."""
        start = undone_since = time.monotonic()

        def look() -> _Ended[Value]:
            nonlocal undone_since
            now = time.monotonic()
            existing, undone = self._listed(kind, found), kind.undone(wanted, self._site.lists)
            if not undone:
                undone_since = now
            elif now - undone_since >= self._site.limits.late_list:
                return _Ended(None, undone)
            if existing is None:
                raise NotYet(f"{undone or 'not in the list'}, {now - start:.0f} s")
            failed = kind.failed(existing.value)
            if not failed and (lacking := kind.lacks(wanted, existing.value)):
                raise NotYet(f"{lacking}, {now - start:.0f} s")
            return _Ended(existing, failed)

        return self._site.wait(
            f"{wanted.name}: {kind.noun} {kind.ready_when}",
            look,
            seconds=self._site.limits.ready.get(kind.noun, kind.seconds),
            cause="OVH is slow, or out of room in this region",
            next_step=f"look at {kind.noun} {found} in the OVH manager; run the command again to go on waiting",
        )

    def _delete(self, kind: Kind[Any, Value], existing: Existing[Value]) -> None:
        self._gone.add(existing.id)
        answer = ""

        def look() -> None:
            nonlocal answer
            if answer != "accepted":
                answer = self._ask_to_delete(kind, existing)
                if answer == "accepted" and not kind.lingers:
                    return
            if self._listed(kind, existing.id) is not None:
                raise NotYet(answer)

        self._site.wait(
            f"{existing.name}: {kind.noun} {existing.id} is gone",
            look,
            seconds=self._site.limits.deletion,
            next_step=f"delete {kind.noun} {existing.id} in the OVH manager, then run the command again",
        )

    def _ask_to_delete(self, kind: Kind[Any, Value], existing: Existing[Value]) -> str:
        """Return "accepted", or why it has to be asked again: asking twice does no harm, an id never comes back."""
        try:
            kind.delete(existing, self._site)
        except OvhNotFound:
            return "accepted"
        except OvhUnavailable as error:
            return error.seen
        except OvhError as error:
            if error.status not in _REFUSED_FOR_NOW:
                raise
            return error.seen
        return "accepted"

    def _listed(self, kind: Kind[Any, Value], object_id: str) -> Existing[Value] | None:
        existing = kind.existing(self._site.lists, self._site.fleet)
        return next((item for item in existing if item.id == object_id), None)
