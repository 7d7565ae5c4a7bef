"""Which releases a run is about, whose turn it is, and what the end of each means for the run."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from koprogo_fleet.core.errors import InputError, Interrupted, KoprogoError, NotConverged
from koprogo_fleet.helm.graph import Selection, State, selected, turn
from koprogo_fleet.helm.outcome import Outcome, conclude
from koprogo_fleet.helm.release import Release

NEEDS = {"storage": (), "database": ("storage",), "cache": (), "api": ("database", "cache"), "shop": ("api",)}
RELEASES = tuple(Release(name=name, namespace="n", chart="c", needs=needs) for name, needs in NEEDS.items())


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(), set(NEEDS)),
        (Selection(only=("api",)), {"api"}),
        (Selection(only=("api", "cache")), {"api", "cache"}),
        (Selection(start="database"), {"database", "api", "shop"}),
        (Selection(until="database"), {"storage", "database"}),
        (Selection(start="storage", until="api"), {"storage", "database", "api"}),
        (Selection(only=("cache",), start="database"), set()),
    ],
)
def test_selection(selection: Selection, expected: set[str]) -> None:
    """``--from`` takes what depends on a release, ``--until`` what it depends on; both at once, what is between."""
    assert expected == selected(RELEASES, selection)


def test_a_name_that_is_none() -> None:
    """A misspelt release is refused, and the nearest one is named."""
    with pytest.raises(InputError, match='did you mean "database"'):
        selected(RELEASES, Selection(only=("databsae",)))


@pytest.mark.parametrize(
    ("waiting", "states", "begin", "held"),
    [
        (list(NEEDS), {}, ["storage", "cache"], []),
        (["database", "api"], {"storage": State.DEPLOYED}, ["database"], []),
        (["api"], {"database": State.UNCHANGED, "cache": State.DEPLOYED}, ["api"], []),
        (["api"], {"database": State.UNCHANGED}, [], []),
        (["database", "api"], {"storage": State.FAILED, "cache": State.DEPLOYED}, [], ["database"]),
        (["api", "shop"], {"database": State.HELD}, [], ["api"]),
        (["shop"], {"api": State.SKIPPED}, [], ["shop"]),
        (["shop"], {"api": State.STOPPED}, [], ["shop"]),
    ],
)
def test_turn(waiting: list[str], states: Mapping[str, State], begin: list[str], held: list[str]) -> None:
    """A release begins when all that it needs has ended well, and never once any of it has not."""
    found, never = turn(waiting, NEEDS, states)

    assert (begin, held) == (found, list(never))


@pytest.mark.parametrize(
    ("states", "error"),
    [
        ([State.UNCHANGED, State.DEPLOYED], None),
        ([State.UNCHANGED, State.DIFFERS], None),
        ([State.DEPLOYED, State.FAILED, State.HELD], NotConverged),
        ([State.SKIPPED], NotConverged),
        ([State.FAILED, State.STOPPED], Interrupted),
    ],
)
def test_what_it_means(states: list[State], error: type[KoprogoError] | None) -> None:
    """Nothing but deployed, unchanged or planned is success; a release that is skipped is none, silently or not."""
    outcomes = [Outcome(f"release-{index}", state) for index, state in enumerate(states)]

    if error is None:
        conclude(outcomes)
    else:
        with pytest.raises(error):
            conclude(outcomes)
