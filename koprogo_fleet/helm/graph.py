"""Which releases a run is about, and whose turn it is. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.wording import did_you_mean
from koprogo_fleet.helm.release import Release


class State(StrEnum):
    """How a release ended."""

    UNCHANGED = "unchanged"
    DEPLOYED = "deployed"
    REMOVED = "removed"
    DIFFERS = "differs"
    FAILED = "failed"
    HELD = "held"
    SKIPPED = "skipped"
    STOPPED = "stopped"


GOOD = frozenset({State.UNCHANGED, State.DEPLOYED, State.REMOVED})
"""What lets dependants begin."""


@dataclass(frozen=True)
class Selection:
    """
    What a person picks; nothing picked is everything.

    Attributes:
        only: these alone.
        start: this one, and all that depend on it.
        until: this one, and all that it depends on.
    """

    only: tuple[str, ...] = ()
    start: str | None = None
    until: str | None = None


EVERYTHING = Selection()


def selected(releases: Sequence[Release], selection: Selection) -> frozenset[str]:
    """
    Return the names of the picked releases.

    Raises:
        InputError: a name is none of an enabled release.
    """
    needs = {release.name: release.needs for release in releases}
    for name in (*selection.only, selection.start, selection.until):
        if name is not None and name not in needs:
            raise InputError(
                f'there is no enabled release "{name}"{did_you_mean(name, needs)}',
                next_step=f"choose among: {', '.join(needs)}",
            )
    chosen = frozenset(selection.only or needs)
    if selection.start is not None:
        chosen &= {name for name in needs if selection.start in _all_needs(name, needs)}
    if selection.until is not None:
        chosen &= _all_needs(selection.until, needs)
    return chosen


def _all_needs(name: str, needs: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """Return a release with everything that it depends on."""
    found, left = {name}, [name]
    while left:
        new = [need for need in needs[left.pop()] if need not in found]
        found.update(new)
        left += new
    return frozenset(found)


def turn(
    waiting: Collection[str], needs: Mapping[str, Sequence[str]], states: Mapping[str, State]
) -> tuple[list[str], dict[str, str]]:
    """
    Return who of those that are *waiting* may begin, and who never will, with the reason.

    Args:
        waiting: names, in the order in which they begin.
        needs: of each release.
        states: of those that have ended; a need that is neither here nor waiting is still at work.
    """
    begin, held = [], {}
    for name in waiting:
        failed = [need for need in needs[name] if need in states and states[need] not in GOOD]
        if failed:
            held[name] = "; ".join(f"it needs {need}, which is {states[need]}" for need in failed)
        elif all(need in states for need in needs[name]):
            begin.append(name)
    return begin, held
