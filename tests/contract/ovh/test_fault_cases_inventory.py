"""Cases 11 and 12 of docs/reference/faults.md: inventories that cannot be true, and an API that is out of reach."""

from __future__ import annotations

import copy
import json

import pytest
from billed_objects import assert_settled, billed, cloud_apply, planned, target
from commands_at_emulator import Office
from emulated_cloud import Cloud

from koprogo_fleet.core.errors import FileProblems, InputError, NotConverged, OvhConflict, OvhUnavailable
from koprogo_fleet.core.events import ignore
from koprogo_fleet.inventory.documents import FILES
from koprogo_fleet.ovh.client import OvhApi
from koprogo_fleet.ovh.instances import delete_instance, list_instances
from koprogo_fleet.provision.plan import Plan
from koprogo_fleet.workflows.cloud import apply_saved, save
from koprogo_fleet.workflows.destroy import destroy_fleet
from koprogo_fleet.workflows.inventory import sync_inventory
from koprogo_fleet.workflows.run import Report

NODES = ("koprogo-cp-1", "koprogo-worker-1", "koprogo-worker-2")


@pytest.fixture
def synced(office: Office, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Office:
    """A fleet that is there, and its inventory."""
    monkeypatch.setenv("KOPROGO_STATE_DIR", str(office.state.parent))
    cloud_apply(cloud, office.fleet, office.inventory)
    sync_inventory(office.inventory, target(cloud), ignore)
    return office


def everything(_plan: Plan) -> frozenset[str]:
    """Agree to whatever is planned."""
    return frozenset({"koprogo", *NODES})


def files(office: Office) -> dict[str, bytes]:
    """Return what the inventory's files hold."""
    return {name: (office.inventory / name).read_bytes() for name in FILES}


def writes(cloud: Cloud) -> int:
    """Count the calls that could have changed something."""
    return sum(entry["method"] != "GET" for entry in cloud.requests())


def vanish(cloud: Cloud, *names: str) -> None:
    """Make the API show these instances no more, though they may exist."""
    with cloud.state.change() as data:
        for record in [record for record in data["instances"].values() if record["name"] in names]:
            del data["instances"][record["id"]]


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        (NODES, "the OVH API shows no node of this fleet"),
        (NODES[1:], "2 of 3 hosts are gone: koprogo-worker-1, koprogo-"),
    ],
    ids=["all", "half"],
)
def test_11_hosts_vanish(synced: Office, cloud: Cloud, gone: tuple[str, ...], message: str) -> None:
    """Nothing is written and nothing deleted, until a person says that it is meant; then the files say so, no more."""
    before, calls = files(synced), writes(cloud)
    vanish(cloud, *gone)

    with pytest.raises(InputError, match=message) as caught:
        sync_inventory(synced.inventory, target(cloud), ignore)

    assert "koprogo-fleet inventory sync --force" in (caught.value.next_step or "")
    assert before == files(synced)
    forced = sync_inventory(synced.inventory, target(cloud), ignore, force=True)
    assert tuple(name for name in NODES if name not in gone) == forced.hosts
    assert calls == writes(cloud)


def test_11_the_command_says_so(synced: Office, cloud: Cloud) -> None:
    """At the command line: exit code 2 and the way out; with --force the files are written. No Vault is needed for it."""
    vanish(cloud, *NODES[1:])

    refused, forced = synced.run("inventory", "sync"), synced.run("inventory", "sync", "--force")

    assert (2, 0) == (refused.code, forced.code), forced.err
    assert "2 of 3 hosts are gone" in refused.err
    assert "inventory sync --force" in refused.err
    assert "1 hosts in" in forced.out


def test_11_a_plan_never_deletes_what_is_not_shown(synced: Office, cloud: Cloud) -> None:
    """The volumes of vanished nodes are not surplus: the plan makes the nodes anew, and keeps what holds data."""
    volumes = [name for noun, name in billed(cloud) if noun == "volume"]
    vanish(cloud, *NODES[1:])

    steps = planned(cloud, synced.fleet).steps

    assert not any(step.existing and step.loses_data for step in steps)
    assert ["koprogo-worker-1", "koprogo-worker-2"] == sorted(volumes)


def test_11_one_name_twice(synced: Office, cloud: Cloud) -> None:
    """Two instances of one name: sync and apply both refuse, name the ids, and touch neither."""
    before, calls = files(synced), writes(cloud)
    ids = _double(cloud)

    with pytest.raises(InputError, match="2 instances are named koprogo-worker-2") as caught:
        sync_inventory(synced.inventory, target(cloud), ignore)
    with pytest.raises(NotConverged, match="instance koprogo-worker-2: 2 of that name") as stopped:
        cloud_apply(cloud, synced.fleet, synced.inventory)

    assert all(each in caught.value.seen and each in stopped.value.seen for each in ids)
    assert (before, calls) == (files(synced), writes(cloud))


def test_11_one_address_twice(synced: Office, cloud: Cloud) -> None:
    """Two nodes at one public address: nobody can say whose host key belongs there, so nothing is written."""
    before = files(synced)
    with cloud.state.change() as data:
        first, second = (item for item in data["instances"].values() if item["name"] in NODES[1:])
        second["ports"][0]["ip"] = first["ports"][0]["ip"]

    with pytest.raises(InputError, match=r"one address for several nodes: .*koprogo-worker-1, koprogo-worker-2"):
        sync_inventory(synced.inventory, target(cloud), ignore)

    assert before == files(synced)


TWICE = "  - {name: cp, role: agent, count: 1, flavor: b2-15, first_address: 10.0.0.31}\n"
METAL = "dedicated_servers:\n  - {name: %s, service: ns1.ip-1.eu, role: agent, vrack_address: %s}\n"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("k3s:", TWICE + "k3s:", 'two pools have the name "cp"'),
        ("count: 1", "count: 2", "2 control planes"),
        ("10.0.0.21", "10.0.0.11", "share the addresses"),
        ("k3s:", METAL % ("koprogo-cp-1", "10.0.0.31") + "k3s:", "koprogo-cp-1"),
        ("k3s:", METAL % ("koprogo-metal-1", "10.0.0.21") + "k3s:", "10.0.0.21"),
    ],
    ids=["two roles", "even control planes", "one address", "a server's name", "a server's address"],
)
def test_11_a_fleet_that_cannot_be(synced: Office, cloud: Cloud, old: str, new: str, message: str) -> None:
    """A host in two roles, an even number of control planes, an address twice: found before OVH is asked anything."""
    synced.edit(old, new)
    calls = len(cloud.requests())

    with pytest.raises(FileProblems, match=message):
        sync_inventory(synced.inventory, target(cloud), ignore)

    assert calls == len(cloud.requests())


def test_12_what_was_observed_is_shown_with_its_age(synced: Office, cloud: Cloud) -> None:
    """While OVH cannot be reached, show --live shows the files, with how old they are; they stay as they are."""
    seen = synced.state / "observed.json"
    seen.write_text(json.dumps({place: when - 7300 for place, when in json.loads(seen.read_text()).items()}))
    live, before = synced.run("inventory", "show", "--live", "--json"), files(synced)
    cloud.stop()
    try:
        cached, recorded = synced.run("inventory", "show", "--live", "--json"), synced.run("inventory", "show")
    finally:
        cloud.start()

    assert (0, 0, 0) == (live.code, cached.code, recorded.code), cached.err
    assert live.json == cached.json
    assert "" == live.err
    assert "OVH cannot be reached, so this is what it showed 2 hours ago" in cached.err
    assert "OVH asked 2 hours ago" in recorded.out
    assert before == files(synced)


def test_12_nothing_is_changed_by_what_was_recorded(
    synced: Office, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sync, apply and destroy never act on files or plans alone, however new: they ask OVH, and stop when it is silent."""
    monkeypatch.setitem(OvhApi.__init__.__kwdefaults__, "patience", 0.5)
    synced.edit("count: 2", "count: 1")
    fewer, plan, before = synced.fleet, synced.folder / "plan", files(synced)
    save(planned(cloud, fewer), plan)
    calls, bill, at = len(cloud.requests()), billed(cloud), target(cloud)
    cloud.stop()
    try:
        with pytest.raises(OvhUnavailable, match="no answer"):
            sync_inventory(synced.inventory, at, ignore, force=True)
        with pytest.raises(OvhUnavailable, match="no answer"):
            apply_saved(plan, fewer, synced.inventory, at, ignore, report=Report(), confirm=everything)
        with pytest.raises(OvhUnavailable, match="no answer"):
            destroy_fleet(fewer, synced.inventory, at, ignore, report=Report(), confirm=everything)
    finally:
        cloud.start()

    assert (calls, bill, before) == (len(cloud.requests()), billed(cloud), files(synced))
    cloud_apply(cloud, fewer, synced.inventory, confirmed=frozenset(NODES))
    assert_settled(cloud, fewer)


def test_12_a_plan_that_is_older_than_the_world(synced: Office, cloud: Cloud) -> None:
    """A saved plan has no time to live: it is held against OVH as it is, and refused as soon as one object has moved."""
    synced.edit("count: 2", "count: 3")
    plan, fleet = synced.folder / "plan", synced.fleet
    save(planned(cloud, fleet), plan)
    calls = writes(cloud)
    (first, *_) = list_instances(cloud.api())
    delete_instance(cloud.api(), first.id)

    with pytest.raises(OvhConflict, match=f"the plan is out of date: .*instance {first.name} "):
        apply_saved(plan, fleet, synced.inventory, target(cloud), ignore, report=Report(), confirm=everything)

    assert calls + 1 == writes(cloud)


def _double(cloud: Cloud) -> list[str]:
    """Add a second instance beside the last worker; return both ids."""
    with cloud.state.change() as data:
        (worker,) = (item for item in data["instances"].values() if item["name"] == "koprogo-worker-2")
        data["instances"]["twin"] = {**copy.deepcopy(worker), "id": "twin"}
        cloud.machines.running.add("twin")
        return [worker["id"], "twin"]
