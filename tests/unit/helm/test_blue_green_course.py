"""Two slots beside a release: where it should send, what goes, and what each release is made of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.helm.blue_green import (
    AS_IT_IS,
    AT_REST,
    Course,
    Images,
    Seen,
    Slotted,
    api_peers,
    course,
    refuse_without_slots,
    seen_of,
    with_slots,
)
from koprogo_fleet.helm.look import Look
from koprogo_fleet.helm.records import Kept, Record
from koprogo_fleet.helm.release import BlueGreen, HttpProbe, Release
from koprogo_fleet.helm.releases import load_releases

HOUR = timedelta(hours=1)
OLD = timedelta(hours=2)
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
GREEN = Seen(installed=True, tag="v1", active="green", slots={"green": "v2"})
BLUE = Seen(installed=True, tag="v1", active="blue", at_rest=True, slots={"green": "v2", "blue": "v3"})
API = Release(
    name="api",
    namespace="n",
    chart="c",
    values={"image": {"repository": "r", "tag": "file"}},
    needs=("database",),
    probes=(HttpProbe(node_port=30080),),
)


def old(seen: Seen) -> Seen:
    """Return the same, with nothing changed for two hours."""
    return Seen(seen.installed, seen.tag, seen.active, seen.at_rest, seen.slots, OLD)


@pytest.mark.parametrize(
    ("seen", "tag", "by_slots", "expected"),
    [
        pytest.param(Seen(installed=False), "v1", True, Course(""), id="nothing to switch from"),
        pytest.param(Seen(installed=True, tag="v1"), "v2", False, Course(""), id="rolling, without slots"),
        pytest.param(Seen(installed=True, tag="v1"), "v1", True, Course(""), id="serves already"),
        pytest.param(Seen(installed=True, tag="v1"), "v2", True, Course("green", "v2"), id="the first switch"),
        pytest.param(
            old(Seen(installed=True, tag="v1", slots={"green": ""})),
            "v2",
            True,
            Course("green", "v2"),
            id="a slot that failed is tried again",
        ),
        pytest.param(
            old(Seen(installed=True, tag="v1", slots={"green": ""})),
            "",
            False,
            Course("", removed=("green",)),
            id="a slot that failed goes",
        ),
        pytest.param(GREEN, "", False, Course("green", "v2"), id="a plain run keeps the slot and its image"),
        pytest.param(GREEN, "v4", False, Course("green", "v4"), id="rolling, in the slot"),
        pytest.param(GREEN, "v2", True, Course("green", "v2", back=""), id="switched by an earlier run"),
        pytest.param(old(GREEN), "", False, Course("green", "v2", at_rest=True), id="its own pods go"),
        pytest.param(old(GREEN), "v2", True, Course("green", "v2", at_rest=True), id="nothing is kept to go back to"),
        pytest.param(GREEN, "v3", True, Course("blue", "v3", at_rest=True), id="the second switch"),
        pytest.param(BLUE, "", False, Course("blue", "v3", at_rest=True), id="own pods stay away"),
        pytest.param(BLUE, "v3", True, Course("blue", "v3", at_rest=True, back="green"), id="back to the other slot"),
        pytest.param(BLUE, "v4", True, Course("green", "v4", at_rest=True), id="slots take turns"),
        pytest.param(
            old(BLUE), "", False, Course("blue", "v3", at_rest=True, removed=("green",)), id="the old slot goes"
        ),
        pytest.param(
            Seen(installed=True, tag="v1", active="green"),
            "",
            False,
            Course("green"),
            id="a slot that somebody removed",
        ),
    ],
)
def test_course(seen: Seen, tag: str, by_slots: bool, expected: Course) -> None:  # noqa: FBT001 - a case's
    """From what is there and what is asked follows where the release sends; what serves is never switched to again."""
    assert expected == course(seen, HOUR, tag, by_slots=by_slots)


def look_at(**values: Mapping[str, Any] | None) -> Look:
    """Return what Helm has of releases with these values; of None, that nothing of it ever got ready."""
    keys = {name: ("n", name.replace("_", "-")) for name in values}
    ages = {name: timedelta(hours=3 - index) for index, name in enumerate(values)}
    return Look(
        records={key: Record(1, "deployed", "s", "digest", NOW - ages[name]) for name, key in keys.items()},
        deployed={key: Kept(1, "", found) for name, key in keys.items() if (found := values[name]) is not None},
        live={},
    )


def test_what_is_seen() -> None:
    """Slot, images and rest are read from Helm's records; the newest one says for how long nothing has changed."""
    main = {"image": {"tag": "v1"}, "activeSlot": "green", **AT_REST}
    found = seen_of(API, look_at(api=main, api_green={"slot": "green", "image": {"tag": "v2"}}, api_blue=None), NOW)

    assert Seen(True, "v1", "green", True, {"green": "v2", "blue": ""}, HOUR) == found  # noqa: FBT003 - as it is written
    assert Seen(installed=False) == seen_of(API, look_at(), NOW)


def test_a_release_that_is_no_slot() -> None:
    """What only has a slot's name, and is somebody's own, is not a slot."""
    assert {} == seen_of(API, look_at(api={}, api_green={"image": {"tag": "v2"}}), NOW).slots


def slotted(look: Look, images: Images = AS_IT_IS, *others: Release) -> Slotted:
    """Return the releases of a run, by name."""
    return with_slots((API, *others), {"api"}, look, images, NOW, lambda: [{"ipBlock": {"cidr": "10.0.0.1/32"}}])


def test_a_slot_is_the_same_release() -> None:
    """A slot has the release's values and needs, the new image, and no way in; the release waits for it, and keeps its image."""
    found = slotted(look_at(api={"image": {"tag": "v1"}}), Images({"api": "v2"}, blue_green=True))
    green, api = found.releases

    assert (frozenset({"api", "api-green"}), frozenset()) == (found.names, found.removed)
    assert ("api-green", ("database",), ()) == (green.name, green.needs, green.probes)
    assert {
        "image": {"repository": "r", "tag": "v2"},
        "slot": "green",
        "networkPolicy": {"alsoFrom": [{"ipBlock": {"cidr": "10.0.0.1/32"}}]},
    } == green.values
    assert ("api", ("database", "api-green"), API.probes) == (api.name, api.needs, api.probes)
    assert {"image": {"repository": "r", "tag": "v1"}, "activeSlot": "green"} == api.values
    assert BlueGreen() == green.blue_green == api.blue_green


def test_what_goes_waits_for_the_proof() -> None:
    """An idle slot goes after the release is proven; what an earlier run may have to undo is known until then."""
    values = {"image": {"tag": "v1"}, "activeSlot": "blue", **AT_REST}
    slots = {
        "api_green": {"slot": "green", "image": {"tag": "v2"}},
        "api_blue": {"slot": "blue", "image": {"tag": "v3"}},
    }
    found = slotted(look_at(api=values, **slots))

    assert ["api-blue", "api", "api-green"] == [release.name for release in found.releases]
    assert (frozenset({"api-green"}), ("api",)) == (found.removed, found.releases[-1].needs)
    assert AT_REST.items() <= found.releases[1].values.items()
    assert {} == found.back


def test_slots_by_hand_are_left_alone() -> None:
    """What releases.yaml says about slots itself is as it says, whatever the cluster has."""
    look = look_at(api={"activeSlot": "green"}, api_green={"slot": "green"})
    mine = Release(name="api-green", namespace="n", chart="c")

    assert (API, mine) == slotted(look, AS_IT_IS, mine).releases
    with pytest.raises(InputError, match=r"releases\.yaml itself says where api sends"):
        refuse_without_slots(API, (API, mine), {"slot": "", "activeSlot": ""})


def test_a_chart_without_slots() -> None:
    """A chart that was not made for slots is refused before anything is reached."""
    with pytest.raises(InputError, match="knows no value slot and no activeSlot"):
        refuse_without_slots(API, (API,), {"image": {}})
    refuse_without_slots(API, (API,), {"slot": "", "activeSlot": ""})


def test_who_asks() -> None:
    """A control plane calls with its own address, or with the first of its part of the network of pods."""
    node = {
        "spec": {"podCIDRs": ["10.42.1.0/24"]},
        "status": {"addresses": [{"type": "InternalIP", "address": "10.0.0.1"}, {"type": "Hostname", "address": "a"}]},
    }

    assert ["10.0.0.1/32", "10.42.1.0/32"] == [peer["ipBlock"]["cidr"] for peer in api_peers([node, node])]


def test_settings_are_written(tmp_path: Path) -> None:
    """How long the old slot is kept, and what the new one is asked, is in releases.yaml."""
    path = tmp_path / "releases.yaml"
    text = "releases:\n- name: a\n  namespace: n\n  chart: c\n  blue_green:\n    keep: 2h\n    smoke:\n    - path: /ready\n"
    path.write_text(text)
    (release,) = load_releases(path).in_order

    assert release.blue_green is not None
    assert (OLD, ["/ready"]) == (release.blue_green.keep, [test.path for test in release.blue_green.smoke])
