"""Cases 10 and 21 of docs/reference/faults.md, through cloud plan and cloud apply: quotas, what is not sold, wrong clocks."""

from __future__ import annotations

import copy
import re
from contextlib import suppress
from pathlib import Path

import pytest
from billed_objects import assert_settled, billed, cloud_apply, converges, planned
from emulated_cloud import Cloud
from emulated_fleet import FLEET, objects, posts, provision, with_workers

from koprogo_fleet.core.errors import InputError, KoprogoError, NotConverged, OvhError
from koprogo_fleet.core.events import Event, Note
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.instances import list_instances

SIX = with_workers(3)
TEN_MINUTES = 600


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the fleet's state where the test is."""
    monkeypatch.setenv("KOPROGO_STATE_DIR", str(tmp_path / "state"))


def notes(cloud: Cloud) -> list[str]:
    """Return the notes that people were shown."""
    return [event.text for event in cloud.events if isinstance(event, Note)]


def somebody_elses(cloud: Cloud, count: int) -> None:
    """Put as many instances of another fleet into the project, and nothing else of it."""
    provision(cloud, FLEET.model_copy(update={"name": "other", "pools": FLEET.pools[:1]}))
    with cloud.state.change() as data:
        for theirs in ("networks", "subnets", "groups", "ssh_keys"):
            data[theirs].clear()
        (model, *_) = data["instances"].values()
        for number in range(count - len(data["instances"])):
            record = {**copy.deepcopy(model), "id": f"other-{number}", "name": f"other-cp-{number + 10}"}
            data["instances"][record["id"]] = record


def with_flavor(flavor: str) -> Fleet:
    """Return the fleet with workers of this flavor."""
    return with_workers(2, flavor=flavor)


@pytest.mark.parametrize(
    ("fleet", "others", "message"),
    [
        (SIX, 16, "6 more instances in GRA11: 16 of 20 are used, so 4 can be had"),
        (with_flavor("b2-31"), 0, "b2-31"),
        (FLEET.model_copy(update={"image": "Debian 99"}), 0, "Debian 99"),
        (FLEET.model_copy(update={"region": "XYZ1"}), 0, "XYZ1"),
    ],
    ids=["quota", "flavor", "image", "region"],
)
def test_10_found_before_anything_is_done(
    cloud: Cloud, tmp_path: Path, fleet: Fleet, others: int, message: str
) -> None:
    """What OVH does not sell, or not so often, is an error of the plan; nothing is asked for, and it says what to do."""
    if others:
        somebody_elses(cloud, others)
    before, bill = len(cloud.requests("POST")) if others else 0, billed(cloud)

    with pytest.raises(InputError, match=message) as caught:
        cloud_apply(cloud, fleet, tmp_path)

    assert caught.value.next_step
    assert (before, bill) == (len(cloud.requests("POST")), billed(cloud))


def test_10_quota_at_vm_5_of_6(cloud: Cloud, tmp_path: Path) -> None:
    """Four stay, with what they cost and how to go on or back; the volume of a node that is not there is at none."""
    cloud.fault("quota", "POST", "*/instance", skip=4, times=2)

    with pytest.raises(NotConverged, match=r"2 of \d+ steps failed") as caught:
        cloud_apply(cloud, SIX, tmp_path)

    assert 2 == caught.value.seen.count("Quota exceeded for instances")
    nodes = {name for noun, name in billed(cloud) if noun == "instance"}
    assert (4, 6) == (len(nodes), posts(cloud, "/instance"))
    (told,) = [text for text in notes(cloud) if text.startswith("it was not finished")]
    assert all(f"instance {name}" in told for name in nodes)
    assert re.search(r"the fleet costs [1-9]\d+\.\d\d EUR a month as it is", told)
    assert "run the command again; to go back" in told
    assert "koprogo-fleet destroy" in told
    assert {"ACTIVE"} == {item.status for item in list_instances(cloud.api())}
    converges(cloud, SIX, tmp_path)
    assert {"instances": 6, "volumes": 3}.items() <= objects(cloud).items()


def test_10_back_to_the_former_fleet(cloud: Cloud, tmp_path: Path) -> None:
    """Whoever goes back instead puts fleet.yaml back: the next run deletes what was begun, by name, and settles."""
    cloud_apply(cloud, FLEET, tmp_path)
    cloud.fault("quota", "POST", "*/instance")
    with pytest.raises(OvhError, match="Quota exceeded"):
        cloud_apply(cloud, SIX, tmp_path)

    cloud_apply(cloud, FLEET, tmp_path, confirmed=frozenset({"koprogo-worker-3"}))

    assert_settled(cloud, FLEET)


@pytest.mark.parametrize("ahead", [-TEN_MINUTES, TEN_MINUTES])
def test_21_clock_is_wrong_from_the_beginning(cloud: Cloud, tmp_path: Path, ahead: int) -> None:
    """OVH's clock is asked first, so that ten minutes either way make no call fail."""
    cloud.clock_ahead = ahead

    cloud_apply(cloud, FLEET, tmp_path)

    assert {200} == {entry["status"] for entry in cloud.requests()}
    assert_settled(cloud, FLEET)


@pytest.mark.parametrize("ahead", [-TEN_MINUTES, TEN_MINUTES])
def test_21_clock_jumps_in_the_middle(cloud: Cloud, tmp_path: Path, ahead: int) -> None:
    """After a jump each call that was refused for its signature goes out once more, with the clock read again."""

    def jump(event: Event) -> None:
        if isinstance(event, Note) and "created" in event.text:
            cloud.clock_ahead = ahead

    cloud_apply(cloud, FLEET, tmp_path, jump)

    refused = [entry for entry in cloud.requests() if entry["status"] == 400]
    assert 1 <= len(refused) <= 8
    clocks = sum(entry["path"] == "/auth/time" for entry in cloud.requests())
    assert 2 < clocks <= 3 + len(refused)  # the plan, and the one made anew for apply, read it once each
    assert_settled(cloud, FLEET)


def test_21_clock_jumps_back_and_forth(cloud: Cloud, tmp_path: Path) -> None:
    """A clock that is never right twice is no endless loop: what it spoils is reported, and the next run converges."""
    ahead = [0]

    def jump(_event: Event) -> None:
        ahead[0] += 1
        cloud.clock_ahead = TEN_MINUTES * (-1) ** ahead[0]

    with suppress(KoprogoError):
        cloud_apply(cloud, FLEET, tmp_path, jump)
    cloud.clock_ahead = 0
    converges(cloud, FLEET, tmp_path)


def test_no_more_than_the_plan(cloud: Cloud, tmp_path: Path) -> None:
    """The check after every case would see a second object of a name, and one that is missing."""
    cloud_apply(cloud, FLEET, tmp_path)
    with cloud.state.change() as data:
        (volume, *_) = data["volumes"].values()
        data["volumes"]["twin"] = {**volume, "id": "twin", "attached_to": None, "status": "available"}

    with pytest.raises(AssertionError):
        assert_settled(cloud, FLEET)
    assert planned(cloud, FLEET).refused
