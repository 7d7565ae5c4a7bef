"""Creating an object once, whatever happens to the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from koprogo_fleet.core.errors import OvhNotFound, OvhUnavailable, WaitTimeout
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.wait import NotYet
from koprogo_fleet.provision.site import Site

T = TypeVar("T")


def once_known(site: Site, what: str, create: Callable[[], T]) -> T:
    """
    Call *create*; again, for as long as OVH's lists may be late, while it does not find what the object needs.

    What was ready by its list a moment ago may be unknown still to the part of OVH that is asked (terraform-provider-ovh,
    issue 320). A 404 did nothing, so that asking again is safe.

    Raises:
        OvhNotFound: it is not found in the end.
    """
    missing: list[OvhNotFound] = []

    def look() -> T:
        try:
            return create()
        except OvhNotFound as error:
            missing.append(error)
            raise NotYet(error.seen) from error

    try:
        return site.wait(f"{what}: OVH finds what it needs", look, seconds=site.limits.late_list)
    except WaitTimeout:
        raise missing[-1] from None


def create_once(site: Site, what: str, create: Callable[[], T], find: Callable[[], T | None]) -> T:
    """
    Call *create*; if its answer is lost, *find* the object by its name instead of creating it again.

    Args:
        site: says how long to look: OVH may show a new object late.
        what: the object, in words.
        create: makes the POST.
        find: looks at a list.

    Raises:
        OvhUnavailable: no answer, and no object either.
    """
    try:
        return create()
    except OvhUnavailable as error:
        lost = error

    def look() -> T:
        if (found := find()) is None:
            raise NotYet("not in the list")
        return found

    seconds = site.limits.lost_answer
    try:
        found = site.wait(f"{what}: in OVH's list, as the answer was lost", look, seconds=seconds)
    except WaitTimeout:
        raise OvhUnavailable.about_the_call_of(
            lost,
            f"{lost.seen}; {what} did not appear within {seconds:.0f} s",
            cause=lost.cause,
            next_step="run the command again: it takes over what exists, and creates only what does not",
        ) from lost
    site.listener(Note(f"{what}: the answer was lost, but it exists; taken over"))
    return found
