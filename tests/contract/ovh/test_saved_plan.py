"""Plans that were saved, and applied later: only while nothing has moved."""

from __future__ import annotations

import json

import pytest
from emulated_cloud import Cloud
from emulated_fleet import (
    FLEET,
    KEY,
    OBJECTS,
    QUICK,
    RememberedHostKeys,
    objects,
    provision,
    the_plan,
    with_workers,
)

from koprogo_fleet.core.errors import InputError, OvhConflict
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh import instances, volumes
from koprogo_fleet.provision.apply import Limits, apply, destroy
from koprogo_fleet.provision.observe import observe
from koprogo_fleet.provision.plan import destroy_plan
from koprogo_fleet.provision.saved import plan_from_json, plan_to_json


def apply_saved(cloud: Cloud, text: str, fleet: Fleet = FLEET, confirmed: frozenset[str] = frozenset()) -> None:
    """Apply a saved plan as a later command would."""
    plan = plan_from_json(text, the_plan(cloud, fleet))
    apply(plan, cloud.api(), RememberedHostKeys(), confirmed=confirmed, limits=Limits(**QUICK))


def test_saved_and_applied(cloud: Cloud) -> None:
    """A plan that was saved is applied as it was shown; the same file a second time is out of date."""
    text = plan_to_json(the_plan(cloud))

    apply_saved(cloud, text)

    assert OBJECTS == objects(cloud)
    with pytest.raises(OvhConflict, match="instance koprogo-cp-1"):
        apply_saved(cloud, text)


def test_the_world_moved(cloud: Cloud) -> None:
    """An object that changed since stops it before anything is done, and is named; a stranger's does not."""
    provision(cloud)
    smaller = with_workers(1)
    text = plan_to_json(the_plan(cloud, smaller))
    volumes.create_volume(cloud.api(), "somebody-elses", "GRA11", 10, "classic")
    assert plan_from_json(text, the_plan(cloud, smaller)).steps
    stopped = next(item for item in instances.list_instances(cloud.api()) if item.name == "koprogo-cp-1")
    cloud.machines.stop(stopped.id)
    before = len(cloud.requests("DELETE"))

    with pytest.raises(OvhConflict, match=rf"out of date: instance koprogo-cp-1 \({stopped.id}\)$"):
        apply_saved(cloud, text, smaller, frozenset({"koprogo-worker-2"}))

    assert before == len(cloud.requests("DELETE"))


def test_fleet_yaml_moved(cloud: Cloud) -> None:
    """An edited fleet.yaml stops it, and the section is named, also when the steps are the same."""
    text = plan_to_json(the_plan(cloud))
    edited = FLEET.model_copy(update={"ingress": FLEET.ingress.model_copy(update={"http": 30081})})

    with pytest.raises(OvhConflict, match=r"out of date: ingress in fleet\.yaml$"):
        apply_saved(cloud, text, edited)


def test_another_fleets(cloud: Cloud) -> None:
    """A plan of another fleet is refused by its name."""
    other = FLEET.model_copy(update={"name": "other"})

    with pytest.raises(InputError, match="for the fleet koprogo, not for other"):
        plan_from_json(plan_to_json(the_plan(cloud)), the_plan(cloud, other))


def test_saved_destruction(cloud: Cloud) -> None:
    """A plan to destroy is saved like any other, and one to provision is not taken for it."""
    provision(cloud)
    end = destroy_plan(observe(cloud.api(), FLEET), FLEET)
    with pytest.raises(OvhConflict, match="its steps are others now"):
        plan_from_json(plan_to_json(the_plan(cloud)), end)

    nodes = frozenset(node.name for node in FLEET.nodes)
    destroy(plan_from_json(plan_to_json(end), end), cloud.api(), confirmed=nodes, limits=Limits(**QUICK))

    assert dict.fromkeys(OBJECTS, 0) == objects(cloud)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": "koprogo-fleet plan 0"}'])
def test_no_plan(cloud: Cloud, text: str) -> None:
    """Any other file is refused as what it is."""
    with pytest.raises(InputError, match="no saved plan"):
        plan_from_json(text, the_plan(cloud))


def test_what_is_in_it(cloud: Cloud) -> None:
    """The steps can be read; neither keys nor addresses nor any value of fleet.yaml beyond them can."""
    provision(cloud)
    text = plan_to_json(the_plan(cloud, with_workers(1)))

    saved = json.loads(text)
    assert {"format", "fleet", "steps", "fleet_yaml", "objects"} == saved.keys()
    assert ["attachment of volume", "instance", "volume"] == sorted(step["kind"] for step in saved["steps"])
    assert all(len(value) == 16 for name in ("fleet_yaml", "objects") for value in saved[name].values())
    for secret in (KEY.split()[1], "private key of", "198.18."):
        assert secret not in text
