"""Workers that leave and come back, and a fleet that is off at night: with the real cluster that notices."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from lab_fleet import Fleet

from koprogo_fleet.ovh.instances import list_instances

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(1800)]

LEAVES = "koprogo-worker-3"


@pytest.fixture
def may_be_off(fleet: Fleet) -> Iterator[Fleet]:
    """Return the fleet, with fleet.yaml saying that it may be switched off."""
    file = fleet.inventory / "fleet.yaml"
    before = file.read_text()
    file.write_text(f"{before}\npower:\n  may_switch_off: true\n")
    yield fleet
    file.write_text(before)


def nodes(fleet: Fleet) -> list[str]:
    """Return the names of the cluster's nodes."""
    return fleet.kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}").split()


def pods_on(fleet: Fleet, node: str) -> list[str]:
    """Return the names of the API's pods on a node."""
    options = ("-n", "koprogo", "--field-selector", f"spec.nodeName={node}", "-o", "name")
    return fleet.kubectl("get", "pods", *options).split()


def test_a_worker_leaves_and_another_comes(fleet: Fleet) -> None:
    """
    Unconfirmed, nothing is drained; confirmed, its pods move first, and node, instance and volume are gone; a new one joins.

    fleet.yaml is the same again at the end.
    """
    before = (fleet.inventory / "fleet.yaml").read_text()

    unconfirmed = fleet.run("scale", "worker=2", "--yes")
    assert (1, before) == (unconfirmed.returncode, (fleet.inventory / "fleet.yaml").read_text())
    assert f"--confirm {LEAVES}" in unconfirmed.stderr + unconfirmed.stdout
    assert LEAVES in nodes(fleet)

    fleet.summary("scale", "worker=2", "--yes", "--confirm", LEAVES)
    assert LEAVES not in nodes(fleet)
    assert LEAVES not in {instance.name for instance in list_instances(fleet.api)}
    assert sum(len(pods_on(fleet, node)) for node in nodes(fleet)) == 2
    assert fleet.differences() == {}

    fleet.summary("scale", "worker=3", "--yes")
    assert LEAVES in nodes(fleet)
    assert before == (fleet.inventory / "fleet.yaml").read_text()
    assert fleet.differences() == {}


def test_off_and_on(may_be_off: Fleet) -> None:
    """Every instance is off, and drift says that it was meant; on again, all nodes are Ready and nothing is to be done."""
    fleet = may_be_off

    assert fleet.summary("power", "off")["failed"] == 0
    assert {"SHUTOFF"} == {instance.status for instance in list_instances(fleet.api)}
    drift = fleet.run("drift")
    assert (3, 6) == (drift.returncode, drift.stdout.count("powered off"))

    assert fleet.summary("power", "on")["failed"] == 0
    ready = json.loads(fleet.kubectl("get", "nodes", "-o", "json"))["items"]
    assert 6 == sum(
        condition["status"] == "True"
        for node in ready
        for condition in node["status"]["conditions"]
        if condition["type"] == "Ready"
    )
    assert fleet.differences() == {}
