"""Cases 6 to 9 of docs/reference/faults.md, through cloud plan and cloud apply: limits, broken and lost answers, late lists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from billed_objects import assert_settled, billed, cloud_apply, converges
from commands_at_emulator import Office
from emulated_cloud import Cloud
from emulated_fleet import FLEET, posts, with_workers

from koprogo_fleet.core.errors import OvhError, OvhRateLimited, OvhUnavailable
from koprogo_fleet.core.events import Waiting
from koprogo_fleet.ovh.instances import list_instances
from koprogo_fleet.ovh.rate import Pace
from koprogo_fleet.provision.site import Limits

CREATIONS = ["*/sshkey", "*/network/private", "*/subnet", "*/instance/group", "*/instance", "*/volume", "*/attach"]
LISTS = ["*/sshkey", "*/network/private", "*/instance/group", "*/instance", "*/volume", "*/flavor", "*/image"]
HTML = "500-html-after-success"
BROKEN: list[tuple[str, dict[str, int]]] = [
    (HTML, {"status": 500}),
    (HTML, {"status": 502}),
    (HTML, {"status": 504}),
    (HTML, {"status": 408}),
    ("204", {}),
    ("truncated", {}),
    ("timeout-after-success", {}),
]
ONE = FLEET.model_copy(update={"pools": (FLEET.pools[0].model_copy(update={"count": 1}),)})


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the fleet's state where the test is."""
    monkeypatch.setenv("KOPROGO_STATE_DIR", str(tmp_path / "state"))


def told(cloud: Cloud) -> list[str]:
    """Return what people were shown of the waits and of what else happened."""
    return [event.observation if isinstance(event, Waiting) else getattr(event, "text", "") for event in cloud.events]


def test_6_429_with_a_moment(cloud: Cloud, tmp_path: Path) -> None:
    """Three refusals that say when: each call goes out again after it, and no object is there twice."""
    cloud.fault("429", "POST", "*/instance", times=3, seconds=1)

    cloud_apply(cloud, FLEET, tmp_path)

    assert 8 == posts(cloud, "/instance")
    assert any(re.search(r"^rate-limited until \d\d:\d\d:\d\d", text) for text in told(cloud))
    assert_settled(cloud, FLEET)


def test_6_429_burst_of_50(cloud: Cloud, tmp_path: Path) -> None:
    """Fifty refusals that do not say when: calls back off, ever longer and out of step, within the pace; all succeed."""
    cloud.pace = Pace(60, 20.0)  # a minute's patience, in seconds
    many = with_workers(12)
    cloud.fault("429-bare", "POST", "*/instance", times=50)

    cloud_apply(cloud, many, tmp_path)

    assert 50 == sum(entry["status"] == 429 for entry in cloud.requests())
    pauses = [event.pause for event in cloud.events if isinstance(event, Waiting) and event.pause]
    assert len(set(pauses)) == len(pauses) == 50
    assert min(pauses) < 1.1
    assert 2 < max(pauses) <= 20.5
    times = [entry["time"] for entry in cloud.requests()]
    applied = times[times.index(cloud.requests("POST")[0]["time"]) :]
    assert all(
        number <= cloud.pace.burst + cloud.pace.per_second * (when - applied[0]) + 1
        for number, when in enumerate(applied)
    )
    assert_settled(cloud, many)


def test_6_429_for_longer_than_anyone_waits(cloud: Cloud, tmp_path: Path) -> None:
    """A refusal for an hour stops the run at once, says so, and leaves the rest; the next run goes on."""
    cloud.fault("429", "POST", "*/instance", seconds=3600)

    with pytest.raises(OvhRateLimited, match="429 Too many requests") as caught:
        cloud_apply(cloud, FLEET, tmp_path)

    assert 3600 == caught.value.retry_after
    assert 4 == sum(noun == "instance" for noun, _ in billed(cloud))
    converges(cloud, FLEET, tmp_path)


def test_6_429_is_shown(office: Office, cloud: Cloud) -> None:
    """Where nobody sees a live table, a long pause is a line before it begins: until when, and for which call."""
    cloud.fault("429", "GET", "*/instance", seconds=6)

    ended = office.run("cloud", "plan")

    assert 3 == ended.code
    assert re.search(r"OVH API: GET /cloud/project/\w+/instance - rate-limited until \d\d:\d\d:\d\d", ended.err)


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("turn", range(len(CREATIONS)))
def test_7_and_8_an_answer_that_cannot_be_read(cloud: Cloud, tmp_path: Path, turn: int) -> None:
    """Every creation is done and its answer spoiled, each in another way: all are taken over, none is made twice."""
    for index, path in enumerate(CREATIONS):
        kind, more = BROKEN[(index + turn) % len(BROKEN)]
        cloud.fault(kind, "POST", path, **more)

    cloud_apply(cloud, FLEET, tmp_path)

    assert len(CREATIONS) == sum("taken over" in text for text in told(cloud))
    assert [1, 1, 1, 1, 5, 2, 2] == [posts(cloud, path.removeprefix("*")) for path in CREATIONS]
    assert_settled(cloud, FLEET)


def test_7_lists_that_cannot_be_read(cloud: Cloud, tmp_path: Path) -> None:
    """What only reads is asked again, whatever came instead of its answer."""
    for path, (kind, more) in zip(LISTS, BROKEN, strict=True):
        cloud.fault(kind, "GET", path, times=2, **more)

    cloud_apply(cloud, FLEET, tmp_path)

    assert_settled(cloud, FLEET)


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("status", [500, 502, 504, 408])
def test_7_a_page_instead_of_an_answer(cloud: Cloud, tmp_path: Path, status: int) -> None:
    """Nothing was done, and nobody can know: the error has status, reason, page and query id, and says what to do."""
    cloud.fault("500-html", "POST", "*/volume", status=status)

    with pytest.raises(OvhUnavailable) as caught:
        cloud_apply(cloud, FLEET, tmp_path, limits=Limits(lost_answer=0.2, look_every=0.05))

    error = caught.value
    assert re.fullmatch(
        rf"POST /cloud/project/\w+/volume: {status} [\w ]+, and not JSON but '<html>.*' \(query id EU\.lab-\w+\); "
        r"volume koprogo-worker-\d did not appear within 0 s",
        error.seen,
    )
    assert (status, error.query_id) == (error.status, re.findall(r"EU\.lab-\w+", error.seen)[0])
    assert "run the command again: it takes over what exists" in (error.next_step or "")
    converges(cloud, FLEET, tmp_path)


def test_8_timeout_of_every_creation(cloud: Cloud, tmp_path: Path) -> None:
    """Not one POST is answered, and all are done: the fleet is there, once."""
    cloud.fault("timeout-after-success", "POST", "*", times=100)

    cloud_apply(cloud, FLEET, tmp_path)

    assert {0} == {entry["status"] for entry in cloud.requests("POST")}
    assert_settled(cloud, FLEET)


def test_8_timeout_and_the_list_is_late(cloud: Cloud, tmp_path: Path) -> None:
    """An instance whose answer is lost and that no list shows for a while is waited for, not created again."""
    cloud.fault("late-lists", "POST", "*/instance", seconds=0.8)
    cloud.fault("timeout-after-success", "POST", "*/instance", times=4)

    cloud_apply(cloud, FLEET, tmp_path)

    assert 5 == posts(cloud, "/instance")
    assert_settled(cloud, FLEET)


@pytest.mark.sampled(every=3)
@pytest.mark.parametrize("path", CREATIONS)
def test_9_created_and_not_listed_yet(cloud: Cloud, tmp_path: Path, path: str) -> None:
    """A list that shows a new object late is waited for, by the object's id."""
    cloud.fault("late-lists", "POST", path, seconds=0.5)

    cloud_apply(cloud, FLEET, tmp_path)

    assert [1, 1, 1, 1, 5, 2, 2] == [posts(cloud, each.removeprefix("*")) for each in CREATIONS]
    assert_settled(cloud, FLEET)


@pytest.mark.parametrize("path", ["*/volume/*", "*/instance/*"])
def test_9_deleted_and_still_listed(cloud: Cloud, tmp_path: Path, path: str) -> None:
    """What is listed although it is deleted is waited for, and not taken for a new one."""
    cloud_apply(cloud, FLEET, tmp_path)
    fewer = with_workers(1)
    cloud.fault("late-lists", "DELETE", path, seconds=0.5)

    cloud_apply(cloud, fewer, tmp_path, confirmed=frozenset({"koprogo-worker-2"}))

    assert_settled(cloud, fewer)


@pytest.mark.parametrize("path", ["*/subnet", "*/attach"])
def test_9_404_right_after_its_creation(cloud: Cloud, tmp_path: Path, path: str) -> None:
    """What the list shows and another part of OVH does not find yet is asked for again, in this run."""
    cloud.fault("404", "POST", path, times=2)

    cloud_apply(cloud, FLEET, tmp_path)

    assert_settled(cloud, FLEET)


def test_9_404_for_good(cloud: Cloud, tmp_path: Path) -> None:
    """Not found again and again, the run stops in OVH's words, and what does not need it is there."""
    cloud.fault("404", "POST", "*/subnet", times=1000)

    with pytest.raises(OvhError, match=r"POST .*/subnet: 404 The requested object does not exist"):
        cloud_apply(cloud, FLEET, tmp_path)

    assert {"volume"} == {noun for noun, _ in billed(cloud)}
    with cloud.state.change() as data:
        data["faults"].clear()
    converges(cloud, FLEET, tmp_path)


def test_9_error_is_tried_once_more(cloud: Cloud, tmp_path: Path) -> None:
    """An instance in ERROR is deleted and created once more."""
    cloud.fault("error-instance", "POST", "*/instance")

    cloud_apply(cloud, FLEET, tmp_path)

    assert {"ACTIVE"} == {item.status for item in list_instances(cloud.api())}
    assert 6 == posts(cloud, "/instance")
    assert_settled(cloud, FLEET)


def test_9_error_twice_stops(cloud: Cloud, tmp_path: Path) -> None:
    """A second ERROR of the same node stops with its name; the next run deletes what failed, and makes it."""
    cloud.fault("error-instance", "POST", "*/instance", times=2)

    with pytest.raises(OvhError, match=r"koprogo-cp-1: the instance .* ended in ERROR twice"):
        cloud_apply(cloud, ONE, tmp_path)

    assert 2 == posts(cloud, "/instance")
    converges(cloud, ONE, tmp_path)
