"""What exists is changed, replaced and deleted at the emulator: in order, only when confirmed, and completely."""

from __future__ import annotations

import time

import pytest
from emulated_cloud import Cloud, until
from emulated_fleet import (
    FLEET,
    OBJECTS,
    QUICK,
    RememberedHostKeys,
    objects,
    posts,
    provision,
    the_plan,
    with_workers,
)

from koprogo_fleet.core.errors import NotConverged, OvhConflict, OvhRefused, WaitTimeout
from koprogo_fleet.core.events import Note
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh import instances, networks, ssh_keys, volumes
from koprogo_fleet.provision.apply import Limits, apply, destroy
from koprogo_fleet.provision.observe import observe
from koprogo_fleet.provision.plan import Plan, destroy_plan, orphans

SECOND = frozenset({"koprogo-worker-2"})
NODES = frozenset(node.name for node in FLEET.nodes)
NONE = dict.fromkeys(OBJECTS, 0)


def writes(cloud: Cloud) -> int:
    """Count the calls that change something."""
    return sum(entry["method"] != "GET" for entry in cloud.requests())


def by_name(cloud: Cloud) -> dict[str, instances.Instance]:
    """Return the instances."""
    return {item.name: item for item in instances.list_instances(cloud.api())}


def the_end(cloud: Cloud, fleet: Fleet = FLEET) -> Plan:
    """Look, and plan to destroy."""
    return destroy_plan(observe(cloud.api(), fleet), fleet)


@pytest.mark.parametrize("confirmed", [frozenset(), frozenset({"koprogo-worker-1", "worker-2"})])
def test_smaller_pool_needs_a_confirmation(cloud: Cloud, confirmed: frozenset[str]) -> None:
    """Without the surplus node's own name nothing at all is done, and the error says the flag to add."""
    provision(cloud)
    before = writes(cloud)

    with pytest.raises(NotConverged, match="delete instance koprogo-worker-2") as caught:
        provision(cloud, with_workers(1), confirmed=confirmed)

    assert (caught.value.next_step or "").endswith("add --confirm koprogo-worker-2")
    assert before == writes(cloud)


def test_smaller_pool(cloud: Cloud) -> None:
    """The confirmed node goes with its volume, which is detached first; nobody else is touched."""
    provision(cloud)
    before = by_name(cloud)

    provision(cloud, with_workers(1), confirmed=SECOND)

    assert {**OBJECTS, "instances": 4, "volumes": 1} == objects(cloud)
    assert by_name(cloud) == {name: item for name, item in before.items() if name != "koprogo-worker-2"}
    assert () == the_plan(cloud, with_workers(1)).steps
    order = [
        entry["path"].split("/")[-1] if entry["method"] == "POST" else entry["path"].split("/")[-2]
        for entry in cloud.requests()
        if entry["method"] == "DELETE" or entry["path"].endswith("/detach")
    ]
    assert "detach" == order[0]
    assert ["instance", "volume"] == sorted(order[1:])


@pytest.mark.sampled(every=9)
@pytest.mark.parametrize("kind", ["500-html", "500-html-after-success", "timeout-after-success"])
@pytest.mark.parametrize("path", ["*/detach", "*/instance/*", "*/volume/*"])
def test_lost_answer_to_a_deletion(cloud: Cloud, path: str, kind: str) -> None:
    """A deletion whose answer is lost is asked for again, or seen to be done."""
    provision(cloud)
    cloud.fault(kind, "POST" if path == "*/detach" else "DELETE", path)

    provision(cloud, with_workers(1), confirmed=SECOND)

    assert () == the_plan(cloud, with_workers(1)).steps


def test_replaced_node(cloud: Cloud) -> None:
    """A confirmed node of another flavor is built anew under its name and address, with its old volume."""
    provision(cloud)
    before, kept = by_name(cloud), {item.id for item in volumes.list_volumes(cloud.api())}
    bigger = with_workers(2, flavor="b2-15")

    host_keys = provision(cloud, bigger, confirmed=frozenset({"koprogo-worker-1", "koprogo-worker-2"}))

    assert {"koprogo-worker-1": 1, "koprogo-worker-2": 1} == host_keys.made
    after = by_name(cloud)
    for node in bigger.nodes:
        assert (node.vrack_address, "ACTIVE") == (after[node.name].private_ipv4, after[node.name].status)
        assert (node.pool == "worker") == (before[node.name].id != after[node.name].id)
    assert kept == {item.id for item in volumes.list_volumes(cloud.api())}
    assert () == the_plan(cloud, bigger).steps


def test_addresses_move_on(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes whose addresses move by one are replaced although each wants its neighbour's: who goes makes room."""
    provision(cloud)
    at_once = cloud.machines.destroy

    def slowly(machine_id: str) -> None:
        if cloud.machines.machines[machine_id].name == "koprogo-worker-2":
            time.sleep(0.4)
        at_once(machine_id)

    monkeypatch.setattr(cloud.machines, "destroy", slowly)
    moved = with_workers(2, first_address="10.0.0.22")

    provision(cloud, Fleet.model_validate(moved.model_dump(mode="json")), confirmed=NODES)

    assert ["10.0.0.22", "10.0.0.23"] == [str(by_name(cloud)[f"koprogo-worker-{n}"].private_ipv4) for n in (1, 2)]


def test_volume_grows_in_place(cloud: Cloud) -> None:
    """A larger volume needs no confirmation: it is the same one, still attached."""
    provision(cloud)
    before = {item.id: item.attached_to for item in volumes.list_volumes(cloud.api())}
    size = FLEET.pools[1].volume
    assert size is not None

    provision(cloud, with_workers(2, volume=size.model_copy(update={"size_gb": 300})))

    after = volumes.list_volumes(cloud.api())
    assert before == {item.id: item.attached_to for item in after}
    assert {300} == {item.size_gb for item in after}


@pytest.mark.sampled(every=9)
@pytest.mark.parametrize("kind", ["500-html", "500-html-after-success"])
@pytest.mark.parametrize("path", ["*/upsize", "*/start", "*/region"])
def test_lost_answer_to_a_change(cloud: Cloud, path: str, kind: str) -> None:
    """A change whose answer is lost is asked for again: it says what has to be, and is done or refused as done."""
    provision(cloud)
    cloud.machines.stop(by_name(cloud)["koprogo-cp-1"].id)
    size = FLEET.pools[1].volume
    assert size is not None
    fleet = with_spare_region(with_workers(2, volume=size.model_copy(update={"size_gb": 300})))
    cloud.fault(kind, "POST", path)

    provision(cloud, fleet, ready={"instance": 3, "volume": 3, "private network": 3})

    assert () == the_plan(cloud, fleet).steps


def test_failure_holds_back_its_dependants_alone(cloud: Cloud) -> None:
    """A volume that the API refuses holds back its attachment, which is told; all other objects are made."""
    cloud.fault("403", "POST", "*/volume")

    with pytest.raises(OvhRefused):
        provision(cloud)

    assert {**OBJECTS, "volumes": 1} == objects(cloud)
    assert 1 == posts(cloud, "/attach")
    told = [event.text for event in cloud.events if isinstance(event, Note) and "not done" in event.text]
    assert 1 == len(told)
    assert told[0].startswith("attachment of volume koprogo-worker-")


def test_all_failures_are_told(cloud: Cloud) -> None:
    """Two objects that fail for different reasons are both in the error."""
    cloud.fault("403", "POST", "*/volume", times=2)
    cloud.fault("403", "POST", "*/instance/group")

    with pytest.raises(NotConverged, match=r"3 of \d+ steps failed") as caught:
        provision(cloud)

    assert 2 == caught.value.seen.count("/volume: 403")
    assert 1 == caught.value.seen.count("/instance/group: 403")


def test_destroy(cloud: Cloud) -> None:
    """Everything goes that bears the fleet's names, also what fleet.yaml does not know; nothing else does."""
    provision(cloud)
    api = cloud.api()
    ssh_keys.create_ssh_key(api, "somebody", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0V x")
    volumes.create_volume(api, "koprogo-old-1", "GRA11", 10, "classic")

    destroy(the_end(cloud), api, confirmed=NODES | {"koprogo-old-1"}, limits=Limits(**QUICK))

    assert {**NONE, "ssh_keys": 1} == objects(cloud)
    assert set() == cloud.machines.networks
    assert {} == cloud.machines.machines


def test_destroy_needs_every_name(cloud: Cloud) -> None:
    """One node whose name was not given keeps everything alive."""
    provision(cloud)
    before = writes(cloud)

    with pytest.raises(NotConverged, match="delete instance koprogo-cp-1") as caught:
        destroy(the_end(cloud), cloud.api(), confirmed=NODES - {"koprogo-cp-1"}, limits=Limits(**QUICK))

    assert "--confirm koprogo-cp-1" in (caught.value.next_step or "")
    assert before == writes(cloud)


def test_destroy_says_what_it_cannot(cloud: Cloud) -> None:
    """A stranger's instance in the network stops its deletion with the API's words; the rest is gone."""
    provision(cloud, with_workers(1))
    api = cloud.api()
    with cloud.state.change() as data:
        next(item for item in data["instances"].values() if item["name"] == "koprogo-worker-1")["name"] = "stranger"

    with pytest.raises(WaitTimeout, match="has ports in use"):
        destroy(the_end(cloud), api, confirmed=NODES, limits=Limits(**QUICK, deletion=0.3))

    assert {**NONE, "networks": 1, "subnets": 1, "instances": 1} == objects(cloud)


def test_destroy_again(cloud: Cloud) -> None:
    """Destroying what is gone, or half gone, is fine."""
    provision(cloud)
    victim = by_name(cloud)["koprogo-worker-1"]
    instances.delete_instance(cloud.api(), victim.id)
    for _ in range(2):
        destroy(the_end(cloud), cloud.api(), confirmed=NODES, limits=Limits(**QUICK))

    assert NONE == objects(cloud)


def test_what_comes_while_it_is_destroyed(cloud: Cloud) -> None:
    """An object that another run creates meanwhile is found by the look at the end."""
    provision(cloud, with_workers(0))

    def another_run(event: object) -> None:
        if isinstance(event, Note) and event.text == "instance koprogo-cp-1 deleted":
            volumes.create_volume(cloud.api(), "koprogo-worker-9", "GRA11", 10, "classic")

    with pytest.raises(NotConverged, match="volume koprogo-worker-9"):
        destroy(the_end(cloud), cloud.api(), confirmed=NODES, listener=another_run, limits=Limits(**QUICK))


def test_orphans(cloud: Cloud) -> None:
    """Objects with the fleet's names that it does not want are found by kind, name and id, and left alone."""
    provision(cloud)
    stray = volumes.create_volume(cloud.api(), "koprogo-old-1", "GRA11", 10, "classic")
    until(lambda: volumes.get_volume(cloud.api(), stray.id).status == "available")

    found = orphans(observe(cloud.api(), FLEET), FLEET)

    assert [("volume", "koprogo-old-1", stray.id)] == [(*item.ref, item.existing.id) for item in found]
    provision(cloud)
    assert {**OBJECTS, "volumes": 3} == objects(cloud)


def test_the_one_that_was_shown(cloud: Cloud) -> None:
    """A deletion is of the object that the plan showed: one that took its name meanwhile is not deleted."""
    provision(cloud)
    shown = the_plan(cloud, with_workers(1))
    api, old = cloud.api(), by_name(cloud)["koprogo-worker-2"]
    instances.delete_instance(api, old.id)
    until(lambda: "koprogo-worker-2" not in by_name(cloud))
    provision(cloud)

    with pytest.raises(OvhConflict, match="instance koprogo-worker-2"):
        apply(shown, api, RememberedHostKeys(), confirmed=SECOND, limits=Limits(**QUICK))

    assert OBJECTS == objects(cloud)


TWO_REGIONS = with_workers(2, region="SBG5")


def test_two_regions(cloud: Cloud) -> None:
    """Nodes and volumes are in their regions, on one network whose ranges do not overlap."""
    provision(cloud, TWO_REGIONS)

    assert {**OBJECTS, "subnets": 2} == objects(cloud)
    assert {node.name: node.region for node in TWO_REGIONS.nodes} == {
        name: item.region for name, item in by_name(cloud).items()
    }
    assert {"SBG5"} == {item.region for item in volumes.list_volumes(cloud.api())}
    (network,) = networks.list_private_networks(cloud.api())
    assert network.is_active_in("GRA11")
    assert network.is_active_in("SBG5")
    with cloud.state.look() as data:
        ranges = sorted((item["region"], item["start"], item["end"]) for item in data["subnets"].values())
    assert [("GRA11", "10.0.0.1", "10.0.0.127"), ("SBG5", "10.0.0.128", "10.0.0.254")] == ranges
    assert () == the_plan(cloud, TWO_REGIONS).steps


def test_pool_moves_to_another_region(cloud: Cloud) -> None:
    """The network gets the new region, the nodes and volumes of the old one go; back again, all is as before."""
    provision(cloud)

    provision(cloud, TWO_REGIONS, confirmed=NODES)
    assert {**OBJECTS, "subnets": 2} == objects(cloud)
    assert () == the_plan(cloud, TWO_REGIONS).steps

    provision(cloud, confirmed=NODES)
    assert OBJECTS == objects(cloud)
    assert () == the_plan(cloud).steps
    destroy(the_end(cloud), cloud.api(), confirmed=NODES, limits=Limits(**QUICK))
    assert NONE == objects(cloud)


@pytest.mark.parametrize("fleet", [FLEET, TWO_REGIONS])
def test_calls_do_not_grow_with_the_fleet(cloud: Cloud, fleet: Fleet) -> None:
    """A plan makes list calls only, and as many for one node as for five."""
    counts = []
    for part in (with_workers(0, region=fleet.pools[1].region), fleet):
        provision(cloud, part)
        before = len(cloud.requests())
        the_plan(cloud, part)
        made = cloud.requests()[before:]
        assert {"GET"} == {entry["method"] for entry in made}
        counts.append(sum("auth" not in entry["path"] for entry in made))

    assert counts[0] == counts[1]


def with_spare_region(fleet: Fleet) -> Fleet:
    """Return the fleet with an empty pool in the other region."""
    spare = fleet.pools[1].model_copy(update={"name": "spare", "count": 0, "region": "SBG5"})
    return fleet.model_copy(update={"pools": (*fleet.pools, spare)})
