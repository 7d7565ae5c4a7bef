"""Plans, as tables: what exists on the left, what has to be done on the right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.ovh.catalogue import Flavor, Image
from koprogo_fleet.ovh.groups import InstanceGroup
from koprogo_fleet.ovh.instances import Address, Instance
from koprogo_fleet.ovh.networks import NetworkRegion, PrivateNetwork, Subnet
from koprogo_fleet.ovh.ssh_keys import SshKey
from koprogo_fleet.ovh.volumes import Volume
from koprogo_fleet.provision.actions import BuildInstance
from koprogo_fleet.provision.plan import plan
from koprogo_fleet.provision.resources import Observed

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0V koprogo"
FLEET = Fleet.model_validate(
    {
        "name": "koprogo",
        "pools": [
            {
                "name": "cp",
                "role": "server",
                "count": 1,
                "flavor": "b2-15",
                "first_address": "10.0.0.11",
                "anti_affinity": True,
            },
            {
                "name": "worker",
                "role": "agent",
                "count": 1,
                "flavor": "b2-30",
                "first_address": "10.0.0.21",
                "volume": {"size_gb": 200},
            },
        ],
        "k3s": {"version": "v1.33.4+k3s1"},
    }
)


def flavor(name: str, *, quota: int = 10, available: bool = True) -> Flavor:
    """Return a flavor whose id is derived from its name."""
    return Flavor(f"id of {name}", name, "GRA11", 4, 15, 100, available, quota)


def instance(name: str, flavor_name: str, ip: str) -> Instance:
    """Return an ACTIVE instance."""
    addresses = (Address("198.18.0.2", "public", 4), Address(ip, "private", 4))
    return Instance(f"id of {name}", name, "ACTIVE", "GRA11", f"id of {flavor_name}", "id of Debian 12", addresses)


NOTHING = Observed(
    ssh_keys=(),
    networks=(),
    subnets=(),
    public_network_id="public",
    groups=(),
    instances=(),
    volumes=(),
    flavors=(flavor("b2-15"), flavor("b2-30"), flavor("b2-7")),
    images=(Image("id of Debian 12", "Debian 12", "GRA11", "debian"), Image("id of other", "Other", "GRA11", "x")),
)
CP = instance("koprogo-cp-1", "b2-15", "10.0.0.11")
WORKER = instance("koprogo-worker-1", "b2-30", "10.0.0.21")
VOLUME = Volume("v1", "koprogo-worker-1", "GRA11", 200, "high-speed", "in-use", (WORKER.id,))
NETWORK = PrivateNetwork("pn-1_42", "koprogo-vrack", 42, "ACTIVE", (NetworkRegion("GRA11", "ACTIVE", "os"),))
SUBNET = Subnet("s1", IPv4Network("10.0.0.0/24"), None, dhcp=False)
GROUP = InstanceGroup("g1", "koprogo-cp", "GRA11", "anti-affinity", (CP.id,))
SSH_KEY = SshKey("k1", "koprogo", KEY, ("GRA11",))
ALL = replace(
    NOTHING,
    ssh_keys=(SSH_KEY,),
    networks=(NETWORK,),
    subnets=(SUBNET,),
    groups=(GROUP,),
    instances=(CP, WORKER),
    volumes=(VOLUME,),
)


def shown(observed: Observed, fleet: Fleet = FLEET) -> list[str]:
    """Return the plan's differences as text; those that are refused begin with "!"."""
    wanted = plan(fleet, observed, KEY)
    return [f"{'! ' if step in wanted.refused else ''}{step.difference}" for step in wanted.steps]


def test_from_nothing() -> None:
    """Everything is created: what the nodes share first, then each node's volume, instance, attachment."""
    assert [
        "create SSH key koprogo: ssh-ed25519 …NTE5AAAAIJ0V",
        "create private network koprogo-vrack: VLAN 42, GRA11",
        "create subnet of koprogo-vrack: 10.0.0.0/24, no gateway, no DHCP",
        "create instance group koprogo-cp: anti-affinity",
        "create instance koprogo-cp-1: b2-15, Debian 12, 10.0.0.11",
        "create volume koprogo-worker-1: 200 GB high-speed, GRA11",
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
    ({"status": "BUILD", "addresses": ()}, ["change instance koprogo-cp-1: BUILD -> ACTIVE"]),
    ({"status": "HARD_REBOOT"}, ["change instance koprogo-cp-1: HARD_REBOOT -> ACTIVE"]),
    ({"status": "SHUTOFF"}, ["change instance koprogo-cp-1: SHUTOFF -> ACTIVE"]),
    ({"status": "ERROR", "addresses": ()}, ["change instance koprogo-cp-1: ERROR -> created again"]),
    ({"status": "DELETING"}, ["change instance koprogo-cp-1: DELETING -> created again"]),
    ({"status": "ERROR"}, ["! change instance koprogo-cp-1: ERROR -> ACTIVE"]),
    ({"status": "RESCUE"}, ["! change instance koprogo-cp-1: RESCUE -> ACTIVE"]),
    ({"flavor_id": "id of b2-7"}, ["! change flavor of instance koprogo-cp-1: b2-7 -> b2-15 (replace)"]),
    ({"image_id": "id of other"}, ["! change image of instance koprogo-cp-1: Other -> Debian 12 (replace)"]),
    ({"region": "SBG5"}, ["! change region of instance koprogo-cp-1: SBG5 -> GRA11 (replace)"]),
    (
        {"addresses": (Address("10.0.0.9", "private", 4),)},
        ["! change vRack address of instance koprogo-cp-1: 10.0.0.9 -> 10.0.0.11 (replace)"],
    ),
    ({"image_id": "withdrawn by OVH"}, []),
    ({"image_id": None}, []),
    ({"flavor_id": "not sold any more"}, []),
]


@pytest.mark.parametrize(("changes", "expected"), INSTANCES)
def test_instance(changes: dict[str, Any], expected: list[str]) -> None:
    """An instance is waited for, started, built again or refused, by its status and shape."""
    assert expected == shown(replace(ALL, instances=(replace(CP, **changes), WORKER)))


VOLUMES: list[tuple[dict[str, Any], list[str]]] = [
    (
        {"status": "available", "attached_to": ()},
        ["create attachment of volume koprogo-worker-1: to koprogo-worker-1"],
    ),
    ({"status": "attaching"}, ["create attachment of volume koprogo-worker-1: to koprogo-worker-1"]),
    (
        {"size_gb": 100},
        ["! change volume koprogo-worker-1: 100 GB high-speed, GRA11 -> 200 GB high-speed, GRA11 (replace)"],
    ),
    (
        {"attached_to": (CP.id,)},
        ["! change attachment of volume koprogo-worker-1: attached to id of koprogo-cp-1 -> to koprogo-worker-1"],
    ),
    (
        {"status": "error", "attached_to": ()},
        [
            "! change volume koprogo-worker-1: error -> in-use",
            "create attachment of volume koprogo-worker-1: to koprogo-worker-1",
        ],
    ),
]


@pytest.mark.parametrize(("changes", "expected"), VOLUMES)
def test_volume(changes: dict[str, Any], expected: list[str]) -> None:
    """A volume is attached, or refused when it has another shape or another owner."""
    assert expected == shown(replace(ALL, volumes=(replace(VOLUME, **changes),)))


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
            "create subnet of koprogo-vrack: 10.0.0.0/24, no gateway, no DHCP",
        ],
    ),
    (
        {"subnets": (replace(SUBNET, cidr=IPv4Network("10.9.0.0/24")),)},
        ["! change subnet of koprogo-vrack: 10.9.0.0/24 -> 10.0.0.0/24"],
    ),
    (
        {"subnets": (replace(SUBNET, gateway=IPv4Address("10.0.0.1")),)},
        ["! change subnet of koprogo-vrack: gateway 10.0.0.1 -> no gateway"],
    ),
    (
        {"groups": (replace(GROUP, type="affinity"),)},
        ["! change instance group koprogo-cp: affinity -> anti-affinity"],
    ),
]


@pytest.mark.parametrize(("changes", "expected"), SHARED)
def test_shared(changes: dict[str, Any], expected: list[str]) -> None:
    """What the nodes share is never changed in place."""
    assert expected == shown(replace(ALL, **changes))


def test_two_of_one_name() -> None:
    """Two instances of one name are for a person to sort out; a third is not created."""
    twin = replace(CP, id="twin")

    assert ["! change instance koprogo-cp-1: 2 of that name: id of koprogo-cp-1, twin -> 1"] == shown(
        replace(ALL, instances=(CP, twin, WORKER))
    )


def test_every_refusal_has_a_next_step() -> None:
    """Whatever is refused says what the person should do."""
    for observed in (replace(ALL, **changes) for changes, _ in SHARED):
        for step in plan(FLEET, observed, KEY).refused:
            assert getattr(step.action, "next_step", "")


def test_strangers_are_noted_and_left_alone() -> None:
    """An instance or volume with the fleet's name that is not desired is told, not deleted."""
    extra = replace(WORKER, id="i9", name="koprogo-worker-9")
    other = replace(WORKER, id="i10", name="someone-elses")
    wanted = plan(FLEET, replace(ALL, instances=(CP, WORKER, extra, other)), KEY)

    assert () == wanted.steps
    assert ["instance koprogo-worker-9 (i9) is not in fleet.yaml; it is left as it is"] == [
        note.text for note in wanted.notes
    ]


@pytest.mark.parametrize(
    ("offered", "message"),
    [
        ((flavor("b2-15", quota=0), flavor("b2-30")), "1 new b2-15 in GRA11, but OVH allows 0 more"),
        ((flavor("b2-15", available=False), flavor("b2-30")), "but OVH allows none now"),
        ((flavor("b2-15"), flavor("b2-31")), "region GRA11 has no flavor named b2-30"),
    ],
)
def test_cannot_be_had(offered: tuple[Flavor, ...], message: str) -> None:
    """A flavor that cannot be had is an error before anything is created."""
    with pytest.raises(InputError, match=message):
        plan(FLEET, replace(NOTHING, flavors=offered), KEY)


def test_quota_counts_only_new_instances() -> None:
    """An exhausted quota does not matter when nothing new is needed."""
    exhausted = tuple(flavor(name, quota=0) for name in ("b2-15", "b2-30"))

    assert [] == shown(replace(ALL, flavors=exhausted))


@pytest.mark.parametrize(
    ("status", "read"), [("BUILD", lambda action: action.found), ("DELETING", lambda action: action.discard)]
)
def test_build_knows_the_instance(status: str, read: Callable[[BuildInstance], str | None]) -> None:
    """What is being built is waited for by its id; what failed or goes away is known by its id."""
    observed = replace(ALL, instances=(replace(CP, status=status, addresses=()), WORKER))
    (step,) = plan(FLEET, observed, KEY).steps

    assert isinstance(step.action, BuildInstance)
    assert CP.id == read(step.action)
    assert "koprogo-cp" == step.action.group
