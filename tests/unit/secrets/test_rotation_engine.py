"""A rotation that is killed anywhere, any number of times."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rotation_world import FORMER, PATH, Killed, World, run

from koprogo_fleet.core.errors import InputError, KoprogoError, VaultConflict, VaultSealed
from koprogo_fleet.core.secret import Secret
from koprogo_fleet.secrets.kinds.kind import Origin
from koprogo_fleet.secrets.rotation.engine import Ending
from koprogo_fleet.secrets.rotation.holder import Holder

MADE = st.sampled_from([Origin.HERE, Origin.ELSEWHERE])
DEATHS = st.frozensets(st.integers(1, 60), max_size=20)
OVERLAPS = st.sampled_from([timedelta(0), timedelta(hours=5)])


def assert_rotated(world: World) -> None:
    """Assert that one new value is in force everywhere, and no other is accepted."""
    assert FORMER != world.in_vault == world.live == world.consumer
    assert {world.in_vault} == world.accepted.keys()
    assert not world.files or world.commits[-1] == world.in_vault
    assert Secret("somebody else's") == world.versions[PATH][-1]["OTHER"]
    assert {"closed"} == world.versions["fleet/rotations/api"][-1].keys()


def assert_as_before(world: World) -> None:
    """Assert that the former value is in force everywhere, and no other is accepted."""
    assert FORMER == world.in_vault == world.live == world.consumer == world.commits[-1]
    assert {FORMER} == world.accepted.keys()
    assert {"closed"} == world.versions["fleet/rotations/api"][-1].keys()


@settings(max_examples=150, deadline=None)
@given(origin=MADE, deaths=DEATHS, overlap=OVERLAPS, ends_otherwise=st.booleans(), files=st.booleans())
def test_killed_anywhere_it_ends_with_one_new_value(
    origin: Origin, deaths: frozenset[int], overlap: timedelta, *, ends_otherwise: bool, files: bool
) -> None:
    """However often it dies, the next runs bring one new value; at no moment has anybody one that is not accepted."""
    world = World(origin, ends_otherwise=ends_otherwise, overlap=overlap, files=files, deaths=deaths)

    assert [] == run(world)

    assert_rotated(world)
    new = {version["KEY"].reveal().removesuffix(" alone") for version in world.versions[PATH]} - {FORMER}
    assert 1 == len(new), "a third value"


@settings(max_examples=150, deadline=None)
@given(origin=MADE, deaths=DEATHS, files=st.booleans())
def test_killed_on_the_way_back_it_ends_with_the_former_value(
    origin: Origin, deaths: frozenset[int], *, files: bool
) -> None:
    """A consumer that does not come up brings the former value back, however often that dies; the reason is told."""
    world = World(origin, accepts_new=False, files=files, deaths=deaths)

    failures = run(world)

    assert_as_before(world)
    if failures:  # a death may swallow the last word
        assert "the consumer does not come up" in failures[-1].seen
        assert 1 == failures[-1].exit_code


@pytest.mark.parametrize("origin", [Origin.HERE, Origin.ELSEWHERE])
@pytest.mark.parametrize("accepts_new", [True, False])
@pytest.mark.parametrize("files", [True, False])
def test_each_single_death(origin: Origin, *, accepts_new: bool, files: bool) -> None:
    """One death at each boundary there is, one after the other; no value is committed twice."""
    whole = World(origin, accepts_new=accepts_new, ends_otherwise=True, files=files)
    run(whole)

    for boundary in range(1, whole.boundaries + 1):
        world = World(origin, accepts_new=accepts_new, ends_otherwise=True, files=files, deaths={boundary})
        run(world)
        assert (3 if files else 1) >= len(world.commits)
        (assert_rotated if accepts_new else assert_as_before)(world)
    assert whole.boundaries > 20


def test_a_conflict_in_vault_is_not_overwritten() -> None:
    """What somebody else writes meanwhile stays; the rotation goes back and says so."""
    world = World()
    engine = world.engine()
    world.deaths = {3}  # the record is written, the backend not asked yet
    with pytest.raises(Killed):
        engine.rotate(world.spec)
    world.accepted["by hand"] = "somebody"
    theirs = world.versions[PATH][-1] | {"KEY": Secret("by hand")}
    world.versions[PATH].append(theirs)

    with pytest.raises(VaultConflict, match="somebody else wrote another value of api"):
        world.engine().rotate(world.spec)

    assert theirs == world.versions[PATH][-1]
    assert {FORMER, "by hand"} == world.accepted.keys()
    assert engine.records.read("api").record is None


def test_another_key_at_the_same_path_is_no_conflict() -> None:
    """A write that does not touch the secret is kept, and the rotation goes on."""
    world = World(deaths={3})
    with pytest.raises(Killed):
        world.engine().rotate(world.spec)
    world.versions[PATH].append(world.versions[PATH][-1] | {"OTHER": Secret("changed")})

    world.engine().rotate(world.spec)

    assert Secret("changed") == world.versions[PATH][-1]["OTHER"]
    assert FORMER != world.in_vault


def test_the_overlap_is_waited_for() -> None:
    """Until it ends both values are accepted, and each run says until when; then the former one is revoked."""
    world = World(overlap=timedelta(hours=12))
    waiting = world.engine().rotate(world.spec)
    assert Ending.OVERLAP is waiting.ending
    assert "overlap until 2026-01-01 12:00 UTC" in waiting.text
    assert {FORMER, "value 1"} == world.accepted.keys()
    assert waiting == world.engine().rotate(world.spec)

    world.time += timedelta(hours=12)
    done = world.engine().rotate(world.spec)

    assert Ending.COMMITTED is done.ending
    assert_rotated(world)


def test_a_person_goes_back_during_the_overlap() -> None:
    """Rollback ends an open rotation: the former value is in force, the new one is not accepted any more."""
    world = World(overlap=timedelta(hours=12))
    world.engine().rotate(world.spec)

    assert Ending.BACK is world.engine().go_back(world.spec).ending

    assert_as_before(world)


def test_there_is_no_way_back_once_the_former_may_be_revoked() -> None:
    """A rotation that died while it revoked only goes on."""
    whole = World()
    run(whole)
    for boundary in range(1, whole.boundaries):
        world = World(deaths={boundary})
        with pytest.raises(Killed):
            world.engine().rotate(world.spec)
        if FORMER not in world.accepted:
            record = world.engine().records.read("api").record
            if record is not None:
                with pytest.raises(InputError, match="has no way back"):
                    world.engine().go_back(world.spec)


def test_an_older_value_is_put_in_force_again() -> None:
    """What was made here is given to the backend anew: it is accepted alone, and in force everywhere."""
    world = World()
    world.engine().rotate(world.spec)
    assert {"value 1"} == world.accepted.keys()

    world.engine().put_in_force(world.spec, {"value": Secret(FORMER)})

    assert_as_before(world)


def test_a_record_of_another_live_run_is_not_touched() -> None:
    """Two controllers at once: the second is refused, and told who and since when; a dead one's is taken over in time."""
    world = World(overlap=timedelta(hours=12))
    engine = world.engine()
    engine.rotate(world.spec)
    found = engine.records.read("api")
    assert found.record is not None
    holder = Holder("another-host", "7/1", "secrets rotate", world.time, world.time + timedelta(minutes=20))
    engine.records.write("api", replace(found.record, holder=holder), found.version)

    with pytest.raises(
        KoprogoError, match=r"by another run: secrets rotate \(process 7 on another-host, since 2026-01-01"
    ):
        engine.rotate(world.spec)

    world.time += timedelta(hours=13)
    assert Ending.COMMITTED is engine.rotate(world.spec).ending
    assert_rotated(world)


def test_a_run_that_was_taken_over_stops() -> None:
    """A run that stood still for too long finds at its next boundary that the record is another's."""
    world = World()
    world.meanwhile = lambda: world.engine().resume(world.spec)

    with pytest.raises(VaultConflict, match="taken over by another run"):
        world.engine().rotate(world.spec)

    assert_rotated(world)


def test_a_failure_that_may_pass_leaves_the_rotation_open() -> None:
    """An error that says nothing about the new value stops the run; the next one goes on with the same value."""
    world = World()
    world.meanwhile = lambda: raise_it(VaultSealed("sealed"))
    with pytest.raises(VaultSealed):
        world.engine().rotate(world.spec)
    assert "value 1" == world.in_vault

    assert Ending.COMMITTED is world.engine().rotate(world.spec).ending

    assert "value 1" == world.in_vault
    assert_rotated(world)


def raise_it(error: Exception) -> None:
    """Raise *error*."""
    raise error
