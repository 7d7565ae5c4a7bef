"""What a plan asks OVH, where nothing is to be done: lists, and as many of them for a thousand nodes as for one."""

from __future__ import annotations

from pathlib import Path

import pytest
from billed_objects import cloud_apply, planned
from emulated_balancer import provision, with_balancer
from emulated_cloud import Cloud
from many_instances import large, populate


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the fleet's state where the test is."""
    monkeypatch.setenv("KOPROGO_STATE_DIR", str(tmp_path / "state"))


def calls_of(cloud: Cloud, nodes: int) -> list[tuple[str, str, str]]:
    """Plan for so many agents that are there, and return the calls: their methods, paths and queries."""
    fleet = large(nodes)
    populate(cloud, fleet)
    before = len(cloud.requests())
    found = planned(cloud, fleet)
    asked = sorted((entry["method"], entry["path"], entry["query"]) for entry in cloud.requests()[before:])

    assert nodes + 1 == len(fleet.nodes)
    assert () == found.steps
    return asked


@pytest.mark.parametrize("nodes", [200, 1000])
def test_the_calls_do_not_grow(cloud: Cloud, tmp_path: Path, nodes: int) -> None:
    """They are the very same calls, all of them GET, and none names an instance."""
    cloud_apply(cloud, large(0), tmp_path)
    one = calls_of(cloud, 0)

    many = calls_of(cloud, nodes)

    assert one == many
    assert {"GET"} == {method for method, _, _ in many}
    with cloud.state.look() as data:
        assert not any(instance in path for _, path, _ in many for instance in data["instances"])


def test_a_fleet_with_all_around_it(cloud: Cloud) -> None:
    """With a gateway and a load balancer, too, a plan without steps makes GET calls alone, however many agents there are."""
    counts = []
    for workers in (1, 5):
        fleet = with_balancer(workers=workers)
        provision(cloud, fleet)
        before = len(cloud.requests())
        provision(cloud, fleet)
        asked = cloud.requests()[before:]
        assert {"GET"} == {entry["method"] for entry in asked}
        counts.append(len(asked))

    assert counts[0] == counts[1]
