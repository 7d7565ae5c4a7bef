"""What the steps of a plan mean for their order."""

from __future__ import annotations

from observed_fleet import ALL, FLEET, KEY, NOTHING

from koprogo_fleet.provision.jobs import Job, Part, jobs_of
from koprogo_fleet.provision.kind import Existing, Wanted
from koprogo_fleet.provision.kinds.group import GROUP
from koprogo_fleet.provision.kinds.instance import INSTANCE
from koprogo_fleet.provision.plan import destroy_plan, plan
from koprogo_fleet.provision.step import Action, Step

NODE = INSTANCE.ref("koprogo-worker-2")
GONE = Step(INSTANCE, Action.DELETE, existing=Existing("koprogo-worker-2", "i2", None))


def test_what_is_changed_to_need_it_no_more_comes_before_its_deletion() -> None:
    """An object is deleted after the change of what still needs it, and does not wait for what goes on needing it."""
    leaves = Step(GROUP, Action.CHANGE, Wanted("g", None), Existing("g", "g1", None, (NODE,)))
    stays = Step(GROUP, Action.CHANGE, Wanted("h", None, (NODE,)), Existing("h", "h1", None, (NODE,)))

    jobs = jobs_of([GONE, leaves, stays])

    assert {Job(1, Part.MAKE)} == jobs[Job(0, Part.DELETE)].needs


def test_all_is_made_after_what_it_needs() -> None:
    """From nothing, every object's job comes after those of the objects that it needs."""
    steps = plan(FLEET, NOTHING.observed, KEY).steps
    jobs = jobs_of(steps)
    places = {step.ref: index for index, step in enumerate(steps)}

    for index, step in enumerate(steps):
        assert step.wanted is not None
        needed = {Job(places[need], Part.MAKE) for need in step.wanted.needs}
        assert needed == jobs[Job(index, Part.MAKE)].needs


def test_all_is_deleted_before_what_it_needs() -> None:
    """At the end, no object goes before those that need it."""
    steps = destroy_plan(ALL.observed, FLEET).steps
    jobs = jobs_of(steps)

    for index, step in enumerate(steps):
        assert step.existing is not None
        for needed, other in enumerate(steps):
            if other.ref in step.existing.needs:
                assert Job(index, Part.DELETE) in jobs[Job(needed, Part.DELETE)].needs
