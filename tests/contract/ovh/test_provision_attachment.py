"""Volumes that cannot be attached: noticed soon, tried once more, and never deleted, for they hold data."""

from __future__ import annotations

import time

import pytest
from emulated_cloud import Cloud
from emulated_fleet import FLEET, OBJECTS, objects, posts, provision, the_plan

from koprogo_fleet.core.errors import NotConverged, OvhError
from koprogo_fleet.core.events import Note
from koprogo_fleet.ovh import volumes

SOON = {"late_list": 0.3}
"""Seconds that a volume may look free after it was attached."""


def written(cloud: Cloud) -> list[str]:
    """Return the ids of the volumes, which stay the same as long as nobody deletes one."""
    return sorted(item.id for item in volumes.list_volumes(cloud.api()))


def test_attached_once_more(cloud: Cloud) -> None:
    """A volume that OVH gives back, free, is attached by a second call; that is told, and nothing is deleted."""
    cloud.fault("attach-fails", "POST", "*/attach")

    provision(cloud, **SOON)

    assert OBJECTS == objects(cloud)
    assert 3 == posts(cloud, "/attach")
    assert [] == cloud.requests("DELETE")
    told = [event.text for event in cloud.events if isinstance(event, Note) and "once more" in event.text]
    assert 1 == len(told)
    assert "came to nothing (volume in status available)" in told[0]
    assert () == the_plan(cloud).steps


def test_stops_with_the_reason(cloud: Cloud) -> None:
    """After the second time the run stops, long before its deadline; the volume stays; the next run attaches it."""
    one = FLEET.model_copy(update={"pools": (FLEET.pools[0], FLEET.pools[1].model_copy(update={"count": 1}))})
    cloud.fault("attach-fails", "POST", "*/attach", times=2)
    start = time.monotonic()

    with pytest.raises(
        OvhError, match=r"koprogo-worker-1: the attachment .* nothing: volume in status available twice"
    ):
        provision(cloud, one, **SOON)

    assert time.monotonic() - start < 60
    before = written(cloud)
    provision(cloud, one)
    assert before == written(cloud)
    assert () == the_plan(cloud, one).steps
    assert 3 == posts(cloud, "/attach")


def test_volume_in_error(cloud: Cloud) -> None:
    """A volume that OVH puts to error is asked for once more; refused, the run stops in OVH's words; it is not deleted."""
    cloud.fault("in-error", "POST", "*/attach")

    with pytest.raises(OvhError, match=r"came to nothing \(volume in status error\), and OVH refuses .* 400") as caught:
        provision(cloud, **SOON)

    assert caught.value.query_id is not None
    assert "look at attachment of volume koprogo-worker-" in str(caught.value.next_step)
    assert 2 == objects(cloud)["volumes"]
    assert [] == cloud.requests("DELETE")


def test_error_needs_a_person_and_no_edit(cloud: Cloud) -> None:
    """Until OVH has mended the volume every run refuses and does nothing; then fleet.yaml, untouched, is enough."""
    cloud.fault("in-error", "POST", "*/attach")
    with pytest.raises(OvhError):
        provision(cloud, **SOON)
    calls = len(cloud.requests("POST"))

    with pytest.raises(NotConverged, match=r"volume koprogo-worker-.: error -> ready"):
        provision(cloud)

    assert calls == len(cloud.requests("POST"))
    with cloud.state.change() as data:
        for volume in data["volumes"].values():
            volume["status"] = "in-use" if volume["attached_to"] else "available"
    provision(cloud)
    assert () == the_plan(cloud).steps


def test_the_lab_is_like_openstack(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """When attaching itself fails on the lab's machine, the volume is free again, and can be attached."""

    def full(_machine: str, _volume: str, _size: int) -> None:
        raise OSError("no room for another disk")

    provision(cloud, FLEET.model_copy(update={"pools": FLEET.pools[:1]}))
    monkeypatch.setattr(cloud.machines, "attach_volume", full)

    with pytest.raises((OvhError, NotConverged), match="volume in status available twice"):
        provision(cloud, **SOON)

    assert {("available", ())} == {(item.status, item.attached_to) for item in volumes.list_volumes(cloud.api())}


def test_a_list_that_is_late_is_no_failure(cloud: Cloud) -> None:
    """A volume that looks free for a moment after it was attached is waited for, and attached once only."""
    cloud.fault("late-lists", "POST", "*/attach", times=2, seconds=0.4)

    provision(cloud)

    assert OBJECTS == objects(cloud)
    assert 2 == posts(cloud, "/attach")
