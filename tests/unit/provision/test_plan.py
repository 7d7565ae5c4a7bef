"""Plans, as tables: what exists on the left, what has to be done on the right."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest
from observed_fleet import (
    ALL,
    CP,
    FLEET,
    GROUP,
    KEY,
    NETWORK,
    NOTHING,
    SSH_KEY,
    SUBNET,
    VOLUME,
    WORKER,
    Shown,
    flavor,
    image,
    instance,
    with_workers,
)

from koprogo_fleet.core.errors import InputError, OvhNotFound
from koprogo_fleet.core.fleet import Fleet, Power
from koprogo_fleet.ovh.catalogue import Flavor
from koprogo_fleet.ovh.instances import Address
from koprogo_fleet.ovh.networks import NetworkRegion
from koprogo_fleet.ovh.volumes import Volume
from koprogo_fleet.provision.plan import destroy_plan, orphans, plan
from koprogo_fleet.provision.step import Action

READY = "ACTIVE with a public and a vRack address"


def shown(there: Shown, fleet: Fleet = FLEET) -> list[str]:
    """Return the plan's differences as text; "!" marks those that are refused, "?" those that need a confirmation."""
    wanted = plan(fleet, there.observed, KEY)
    marks = dict.fromkeys(map(id, wanted.refused), "! ") | dict.fromkeys(map(id, wanted.unconfirmed(frozenset())), "? ")
    return [f"{marks.get(id(step), '')}{step.difference}" for step in wanted.steps]


def test_from_nothing() -> None:
    """Everything is created, by kind; each object after those that it needs."""
    assert [
        "create SSH key koprogo: ssh-ed25519 …NTE5AAAAIJ0V",
        "create private network koprogo-vrack: VLAN 42, GRA11",
        "create subnet koprogo-vrack/GRA11: 10.0.0.0/24, no gateway, no DHCP",
        "create instance group koprogo-cp: anti-affinity",
        "create volume koprogo-worker-1: 200 GB high-speed, GRA11",
        "create instance koprogo-cp-1: b2-15, Debian 12, 10.0.0.11",
        "create instance koprogo-worker-1: b2-30, Debian 12, 10.0.0.21",
        "create attachment of volume koprogo-worker-1: to koprogo-worker-1",
    ] == shown(NOTHING)


def test_nothing_to_do() -> None:
    """What is as desired gives an empty plan."""
    assert [] == shown(ALL)


def test_comment_of_the_key_does_not_matter() -> None:
    """Two public keys that differ in their comment are the same key."""
    other = replace(SSH_KEY, public_key=KEY.replace("koprogo", "someone else"))

    assert [] == shown(replace(ALL, ssh_keys=(other,)))


INSTANCES: list[tuple[dict[str, Any], list[str]]] = [
    ({"status": "BUILD", "addresses": ()}, [f"change instance koprogo-cp-1: status BUILD -> {READY}"]),
    ({"status": "HARD_REBOOT"}, [f"change instance koprogo-cp-1: status HARD_REBOOT -> {READY}"]),
    (
        {"addresses": (Address("10.0.0.11", "private", 4),)},
        [f"change instance koprogo-cp-1: status ACTIVE, 1 of 2 addresses -> {READY}"],
    ),
    ({"status": "SHUTOFF"}, ["change instance koprogo-cp-1: SHUTOFF -> ACTIVE"]),
    ({"status": "SHELVED_OFFLOADED"}, ["change instance koprogo-cp-1: SHELVED_OFFLOADED -> ACTIVE"]),
    ({"status": "SHELVING"}, ["! change instance koprogo-cp-1: SHELVING -> ACTIVE"]),
    ({"status": "UNSHELVING"}, [f"change instance koprogo-cp-1: status UNSHELVING -> {READY}"]),
    ({"status": "ERROR", "addresses": ()}, ["replace instance koprogo-cp-1: ERROR -> created again"]),
    ({"status": "DELETING"}, ["replace instance koprogo-cp-1: DELETING -> created again"]),
    ({"status": "ERROR"}, [f"! change instance koprogo-cp-1: ERROR -> {READY}"]),
    ({"status": "RESCUE"}, ["! change instance koprogo-cp-1: RESCUE -> ACTIVE"]),
    ({"flavor_id": "id of b2-7"}, ["? replace instance koprogo-cp-1: flavor b2-7 -> flavor b2-15"]),
    ({"image_id": "id of other"}, ["? replace instance koprogo-cp-1: image other -> image Debian 12"]),
    ({"region": "SBG5"}, ["? replace instance koprogo-cp-1: region SBG5 -> region GRA11"]),
    (
        {"addresses": (Address("10.0.0.9", "private", 4),)},
        ["? replace instance koprogo-cp-1: vRack address 10.0.0.9 -> vRack address 10.0.0.11"],
    ),
    (
        {"flavor_id": "id of b2-7", "image_id": "id of other", "status": "SHUTOFF"},
        ["? replace instance koprogo-cp-1: flavor b2-7, image other -> flavor b2-15, image Debian 12"],
    ),
    ({"flavor_id": "id of b2-7", "status": "RESCUE"}, ["! change instance koprogo-cp-1: RESCUE -> ACTIVE"]),
    ({"image_id": "withdrawn by OVH"}, []),
    ({"image_id": None}, []),
    ({"flavor_id": "not sold any more"}, []),
]


@pytest.mark.parametrize(("changes", "expected"), INSTANCES)
def test_instance(changes: dict[str, Any], expected: list[str]) -> None:
    """An instance is waited for, started, built again, replaced or refused, by its status and shape."""
    assert expected == shown(replace(ALL, instances=(replace(CP, **changes), WORKER)))


VOLUMES: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"status": "available", "attached_to": ()},
        ["create attachment of volume koprogo-worker-1: to koprogo-worker-1"],
    ),
    (
        {"status": "attaching"},
        [
            "change volume koprogo-worker-1: status attaching, 200 GB -> ready",
            "change attachment of volume koprogo-worker-1: status attaching -> finished",
        ],
    ),
    (
        {"status": "detaching"},
        [
            "change volume koprogo-worker-1: status detaching, 200 GB -> ready",
            "replace attachment of volume koprogo-worker-1: attached to id of koprogo-worker-1 -> to koprogo-worker-1",
        ],
    ),
    (
        {"status": "creating", "attached_to": ()},
        [
            "change volume koprogo-worker-1: status creating, 200 GB -> ready",
            "create attachment of volume koprogo-worker-1: to koprogo-worker-1",
        ],
    ),
    (
        {"size_gb": 100},
        ["change volume koprogo-worker-1: 100 GB high-speed, GRA11 -> 200 GB high-speed, GRA11"],
    ),
    (
        {"size_gb": 300},
        [
            "? replace volume koprogo-worker-1: 300 GB high-speed, GRA11 -> 200 GB high-speed, GRA11",
            "replace attachment of volume koprogo-worker-1: attached to id of koprogo-worker-1 -> to koprogo-worker-1",
        ],
    ),
    (
        {"type": "classic", "attached_to": (), "status": "available"},
        [
            "? replace volume koprogo-worker-1: 200 GB classic, GRA11 -> 200 GB high-speed, GRA11",
            "create attachment of volume koprogo-worker-1: to koprogo-worker-1",
        ],
    ),
    (
        {"attached_to": (CP.id,)},
        ["! change attachment of volume koprogo-worker-1: attached to id of koprogo-cp-1 -> to koprogo-worker-1"],
    ),
    (
        {"status": "error", "attached_to": ()},
        [
            "! change volume koprogo-worker-1: error -> ready",
            "create attachment of volume koprogo-worker-1: to koprogo-worker-1",
        ],
    ),
]


@pytest.mark.parametrize(("changes", "expected"), VOLUMES)
def test_volume(changes: dict[str, Any], expected: list[str]) -> None:
    """A volume is waited for, grown, replaced or attached, and refused when it has another owner or an error."""
    assert expected == shown(replace(ALL, volumes=(replace(VOLUME, **changes),)))


def test_replaced_instance_takes_its_volume_along() -> None:
    """The volume of an instance that is replaced is detached and attached again: it keeps what it holds."""
    there = replace(ALL, instances=(CP, replace(WORKER, flavor_id="id of b2-7")))

    assert [
        "? replace instance koprogo-worker-1: flavor b2-7 -> flavor b2-30",
        "replace attachment of volume koprogo-worker-1: attached to id of koprogo-worker-1 -> to the new instance",
    ] == shown(there)


SHARED: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"ssh_keys": (replace(SSH_KEY, public_key="ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAother"),)},
        ["! change SSH key koprogo: ssh-ed25519 …TE5AAAAother -> ssh-ed25519 …NTE5AAAAIJ0V"],
    ),
    (
        {"networks": (replace(NETWORK, vlan_id=43),)},
        ["! change private network koprogo-vrack: VLAN 43, GRA11 -> VLAN 42, GRA11"],
    ),
    (
        {"networks": (replace(NETWORK, name="other"),), "subnets": ()},
        [
            "! create private network koprogo-vrack: VLAN 42, taken by other",
            "create subnet koprogo-vrack/GRA11: 10.0.0.0/24, no gateway, no DHCP",
        ],
    ),
    (
        {"subnets": (replace(SUBNET, cidr=IPv4Network("10.9.0.0/24")),)},
        ["! change subnet koprogo-vrack/GRA11: 10.9.0.0/24 -> 10.0.0.0/24"],
    ),
    (
        {"subnets": (replace(SUBNET, gateway=IPv4Address("10.0.0.1")),)},
        ["! change subnet koprogo-vrack/GRA11: gateway 10.0.0.1 -> no gateway"],
    ),
    (
        {"groups": (replace(GROUP, type="affinity"),)},
        ["! change instance group koprogo-cp: affinity -> anti-affinity"],
    ),
]


@pytest.mark.parametrize(("changes", "expected"), SHARED)
def test_shared(changes: dict[str, Any], expected: list[str]) -> None:
    """What the nodes share is refused where they would feel a change."""
    assert expected == shown(replace(ALL, **changes))


ON_ITS_WAY: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"networks": (replace(NETWORK, status="BUILDING", regions=(NetworkRegion("GRA11", "BUILDING", None),)),)},
        ["change private network koprogo-vrack: status BUILDING, not ready in GRA11 -> ACTIVE in its regions"],
    ),
    (
        {"networks": (replace(NETWORK, regions=(NetworkRegion("SBG5", "ACTIVE", "os"),)),)},
        ["change private network koprogo-vrack: SBG5 -> GRA11"],
    ),
    (
        {"networks": (replace(NETWORK, status="DELETING"),), "subnets": ()},
        [
            "replace private network koprogo-vrack: DELETING -> created again",
            "create subnet koprogo-vrack/GRA11: 10.0.0.0/24, no gateway, no DHCP",
        ],
    ),
    ({"groups": (replace(GROUP, region="SBG5"),)}, ["replace instance group koprogo-cp: SBG5 -> GRA11"]),
]


@pytest.mark.parametrize(("changes", "expected"), ON_ITS_WAY)
def test_shared_is_mended(changes: dict[str, Any], expected: list[str]) -> None:
    """What the nodes share is waited for, activated where it is missing, and replaced where nothing is lost."""
    assert expected == shown(replace(ALL, **changes))


def test_two_of_one_name() -> None:
    """Two instances of one name are for a person to sort out; a third is not created."""
    twin = replace(CP, id="twin")

    assert ["! change instance koprogo-cp-1: 2 of that name: id of koprogo-cp-1, twin -> 1"] == shown(
        replace(ALL, instances=(CP, twin, WORKER))
    )


def test_every_refusal_has_a_next_step() -> None:
    """Whatever is refused says what the person should do."""
    for there in (replace(ALL, **changes) for changes, _ in SHARED):
        refused = plan(FLEET, there.observed, KEY).refused
        assert refused
        assert all(step.next_step for step in refused)


def test_strangers_are_noted_and_left_alone() -> None:
    """What has the fleet's name, and is of no pool, is told and an orphan, not deleted; what has not is not told."""
    extra = replace(WORKER, id="i9", name="koprogo-old-9")
    other = replace(WORKER, id="i10", name="someone-elses")
    volume = replace(VOLUME, id="v9", name="koprogo-old-9", attached_to=("i9",))
    there = replace(ALL, instances=(CP, WORKER, extra, other), volumes=(VOLUME, volume))
    wanted = plan(FLEET, there.observed, KEY)

    assert () == wanted.steps
    assert [
        "volume koprogo-old-9 (v9) is not in fleet.yaml; it is left as it is",
        "instance koprogo-old-9 (i9) is not in fleet.yaml; it is left as it is",
    ] == [note.text for note in wanted.notes]
    assert ["v9", "i9"] == [item.existing.id for item in orphans(there.observed, FLEET)]


def workers(count: int) -> Shown:
    """Return the fleet with so many workers and their volumes."""
    nodes = [instance(f"koprogo-worker-{n}", "b2-30", f"10.0.0.{20 + n}") for n in range(1, count + 1)]
    theirs = tuple(
        Volume(f"v{n}", node.name, "GRA11", 200, "high-speed", "in-use", (node.id,)) for n, node in enumerate(nodes, 1)
    )
    return replace(ALL, instances=(CP, *nodes), volumes=theirs)


def test_smaller_pool() -> None:
    """The highest numbers go, worker-10 before worker-9, with their volumes, which are detached first."""
    assert [
        "delete attachment of volume koprogo-worker-10",
        "delete attachment of volume koprogo-worker-9",
        "? delete instance koprogo-worker-10",
        "? delete instance koprogo-worker-9",
        "? delete volume koprogo-worker-10",
        "? delete volume koprogo-worker-9",
    ] == shown(workers(10), with_workers(8))


def test_smaller_pool_of_control_planes() -> None:
    """An etcd member is not deleted, and the reason is said; one that never worked is none."""
    cp, worker = FLEET.pools
    three = FLEET.model_copy(update={"pools": (cp.model_copy(update={"count": 3}), worker)})
    second, third = (instance(f"koprogo-cp-{n}", "b2-15", f"10.0.0.1{n}") for n in (2, 3))
    failed = replace(third, status="ERROR", addresses=())
    there = replace(ALL, instances=(CP, second, failed, WORKER))

    wanted = plan(FLEET, there.observed, KEY)

    assert [
        "? delete instance koprogo-cp-3",
        "! change instance koprogo-cp-2: a control plane -> deleted",
    ] == shown(there)
    assert all("leave etcd" in step.next_step for step in wanted.refused)
    assert [] == shown(replace(there, instances=(CP, second, third, WORKER)), three)


OFF = FLEET.model_copy(update={"power": Power(may_switch_off=True)})


@pytest.mark.parametrize(
    ("fleet", "worker", "reason"),
    [
        (OFF, "SHELVED_OFFLOADED", ", as all of the fleet: powered off"),
        (OFF, "ACTIVE", ""),
        (FLEET, "SHUTOFF", ""),
    ],
)
def test_powered_off(fleet: Fleet, worker: str, reason: str) -> None:
    """Instances that are off are started; that it was meant is said only where fleet.yaml allows it, and none is on."""
    there = replace(ALL, instances=(replace(CP, status="SHUTOFF"), replace(WORKER, status=worker)))

    assert f"change instance koprogo-cp-1: SHUTOFF{reason} -> ACTIVE" == shown(there, fleet)[0]
    assert (1 if worker == "ACTIVE" else 2) == len(shown(there, fleet))


def test_pool_without_volumes_or_group() -> None:
    """Volumes that a pool does not want any more go, after a confirmation; so does a group, whose members stay."""
    cp, worker = FLEET.pools
    pools = (cp.model_copy(update={"anti_affinity": False}), worker.model_copy(update={"volume": None}))

    assert [
        "delete attachment of volume koprogo-worker-1",
        "? delete volume koprogo-worker-1",
        "delete instance group koprogo-cp",
    ] == shown(ALL, FLEET.model_copy(update={"pools": pools}))


def test_destroy() -> None:
    """All goes that bears the fleet's names, wanted or not, and each object before those that it needs."""
    there = replace(workers(2), instances=(*workers(2).instances, replace(CP, id="i9", name="koprogo-old-1")))
    wanted = destroy_plan(there.observed, FLEET)

    assert {Action.DELETE} == {step.action for step in wanted.steps}
    order = [str(step.ref) for step in wanted.steps]
    assert sorted(order) == sorted(
        [
            "SSH key koprogo",
            "private network koprogo-vrack",
            "subnet koprogo-vrack/GRA11",
            "instance group koprogo-cp",
            *(f"instance koprogo-{name}" for name in ("cp-1", "worker-1", "worker-2", "old-1")),
            *(f"{noun} koprogo-worker-{n}" for noun in ("volume", "attachment of volume") for n in (1, 2)),
        ]
    )
    for first, then in (
        ("attachment of volume koprogo-worker-1", "volume koprogo-worker-1"),
        ("attachment of volume koprogo-worker-1", "instance koprogo-worker-1"),
        ("instance koprogo-cp-1", "instance group koprogo-cp"),
        ("instance koprogo-old-1", "subnet koprogo-vrack/GRA11"),
        ("subnet koprogo-vrack/GRA11", "private network koprogo-vrack"),
        ("instance koprogo-cp-1", "SSH key koprogo"),
    ):
        assert order.index(first) < order.index(then)
    assert {"koprogo-cp-1", "koprogo-worker-1", "koprogo-worker-2", "koprogo-old-1"} == {
        step.ref.name for step in wanted.unconfirmed(frozenset())
    }


def test_a_fleet_whose_name_begins_like_ours() -> None:
    """What is the fleet koprogo-dev's is no orphan of koprogo, and is not destroyed with it."""
    key = replace(SSH_KEY, id="k2", name="koprogo-dev")
    theirs = replace(WORKER, id="i2", name="koprogo-dev-worker-1")
    there = replace(NOTHING, ssh_keys=(key,), instances=(theirs,))

    assert () == destroy_plan(there.observed, FLEET).steps
    assert () == orphans(there.observed, FLEET)


TWO_REGIONS = with_workers(1, region="SBG5")
BOTH = replace(
    NOTHING,
    flavors=(*NOTHING.flavors, flavor("b2-30", region="SBG5")),
    images=(*NOTHING.images, image("Debian 12", "SBG5")),
)


def test_two_regions() -> None:
    """The network is active in both regions, each has a range of the one CIDR; nodes and volumes are in theirs."""
    assert [
        "create SSH key koprogo: ssh-ed25519 …NTE5AAAAIJ0V",
        "create private network koprogo-vrack: VLAN 42, GRA11, SBG5",
        "create subnet koprogo-vrack/GRA11: 10.0.0.0/24 (10.0.0.1 to 10.0.0.127), no gateway, no DHCP",
        "create subnet koprogo-vrack/SBG5: 10.0.0.0/24 (10.0.0.128 to 10.0.0.254), no gateway, no DHCP",
        "create instance group koprogo-cp: anti-affinity, GRA11",
        "create volume koprogo-worker-1: 200 GB high-speed, SBG5",
        "create instance koprogo-cp-1: b2-15, Debian 12, 10.0.0.11, GRA11",
        "create instance koprogo-worker-1: b2-30, Debian 12, 10.0.0.21, SBG5",
        "create attachment of volume koprogo-worker-1: to koprogo-worker-1",
    ] == shown(BOTH, TWO_REGIONS)


def test_a_second_region_is_added() -> None:
    """The network is activated in place, the new region has a subnet; the old region's nodes are not touched."""
    there = replace(ALL, flavors=BOTH.flavors, images=BOTH.images, instances=(CP,), volumes=())

    assert [
        "change private network koprogo-vrack: GRA11 -> GRA11, SBG5",
        "create subnet koprogo-vrack/SBG5: 10.0.0.0/24 (10.0.0.128 to 10.0.0.254), no gateway, no DHCP",
        "create volume koprogo-worker-1: 200 GB high-speed, SBG5",
        "create instance koprogo-worker-1: b2-30, Debian 12, 10.0.0.21, SBG5",
        "create attachment of volume koprogo-worker-1: to koprogo-worker-1",
    ] == shown(there, TWO_REGIONS)


@pytest.mark.parametrize(
    ("offered", "message"),
    [
        ((flavor("b2-15", quota=0), flavor("b2-30")), "1 new b2-15 in GRA11, but OVH allows 0 more"),
        ((flavor("b2-15", available=False), flavor("b2-30")), "but OVH allows none now"),
        ((flavor("b2-15"), flavor("b2-31")), "region GRA11 has no flavor named b2-30"),
        ((flavor("b2-15"), flavor("b2-30", region="SBG5")), "region GRA11 has no flavor named b2-30"),
    ],
)
def test_cannot_be_had(offered: tuple[Flavor, ...], message: str) -> None:
    """A flavor that cannot be had in the region is an error before anything is created."""
    with pytest.raises(InputError, match=message):
        plan(FLEET, replace(NOTHING, flavors=offered).observed, KEY)


def test_region_without_public_network() -> None:
    """A region that the project has not activated is an error before anything is created."""
    with pytest.raises(OvhNotFound, match="no public network in region GRA11"):
        plan(FLEET, replace(NOTHING, public_networks=()).observed, KEY)


@pytest.mark.parametrize("changes", [{}, {"flavor_id": "id of b2-7"}, {"status": "ERROR", "addresses": ()}])
def test_quota_counts_only_new_instances(changes: dict[str, Any]) -> None:
    """An exhausted quota does not matter when nothing new is needed, or one instance only takes another's place."""
    exhausted = (*(flavor(name, quota=0) for name in ("b2-15", "b2-30")), flavor("b2-7"))
    there = replace(ALL, flavors=exhausted, instances=(replace(CP, **changes), WORKER))

    assert bool(changes) == bool(shown(there))


@pytest.mark.parametrize(("status", "action"), [("BUILD", Action.FINISH), ("DELETING", Action.REPLACE)])
def test_the_step_knows_the_instance(status: str, action: Action) -> None:
    """What is being built is waited for by its id; what failed or goes away is known by its id, and costs no data."""
    there = replace(ALL, instances=(replace(CP, status=status, addresses=()), WORKER))
    (step,) = plan(FLEET, there.observed, KEY).steps

    assert step.existing is not None
    assert (action, CP.id, False) == (step.action, step.existing.id, step.loses_data)
