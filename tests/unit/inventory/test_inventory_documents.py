"""From what was observed to the three inventory files, without any I/O."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest

from koprogo_fleet.core.errors import InputError
from koprogo_fleet.core.fleet import Fleet
from koprogo_fleet.inventory.documents import Documents, certificate_of, documents
from koprogo_fleet.inventory.observe import Observed, VrackPort
from koprogo_fleet.inventory.sync import known_ports, refuse_losses
from koprogo_fleet.ovh.dedicated_servers import DedicatedServer, VrackSide
from koprogo_fleet.ovh.instances import Address, Instance, InstanceInterface
from koprogo_fleet.ovh.volumes import Volume
from koprogo_fleet.ssh.login import login_of

KEY = Path("/state/koprogo/id_ed25519")
FLEET = Fleet.model_validate(
    {
        "name": "koprogo",
        "ssh": {"user": "admin"},
        "k3s": {"version": "v1.33.4+k3s1"},
        "pools": [
            {"name": "cp", "role": "server", "count": 1, "flavor": "b2-15", "first_address": "10.0.0.11"},
            {
                "name": "worker",
                "role": "agent",
                "count": 2,
                "flavor": "b2-30",
                "first_address": "10.0.0.21",
                "volume": {"size_gb": 200},
            },
        ],
    }
)
NODES = FLEET.nodes


def _instance(index: int) -> Instance:
    address = Address(f"198.18.0.{index + 10}", "public", 4)
    return Instance(f"id-{index}", NODES[index].name, "ACTIVE", "GRA11", "f", "i", (address,))


def _nic(index: int) -> tuple[InstanceInterface, ...]:
    public = InstanceInterface("p", f"fa:16:3e:00:00:0{index}", "ext", "public", "ACTIVE", (f"198.18.0.{index + 10}",))
    vrack = str(NODES[index].vrack_address)
    return (public, InstanceInterface("v", f"fa:16:3e:01:00:0{index}", "net", "private", "ACTIVE", (vrack,)))


def _volume(name: str, instance: str, identity: str = "vol") -> Volume:
    return Volume(identity, name, "GRA11", 200, "high-speed", "in-use", (instance,))


OBSERVED = Observed(
    instances=tuple(_instance(index) for index in range(3)),
    interfaces={f"id-{index}": _nic(index) for index in range(3)},
    volumes=(_volume("koprogo-worker-1", "id-1", "vol-1"), _volume("koprogo-worker-2", "id-2", "vol-2")),
)


def test_a_host_says_everything_that_tasks_need() -> None:
    """An entry has the address, login, groups, facts and both connections' whole options."""
    host = documents(FLEET, OBSERVED, KEY).hosts["koprogo-worker-1"]

    assert host == {
        "hostname": "198.18.0.11",
        "port": 22,
        "username": "admin",
        "groups": ["agent", "worker"],
        "data": {
            "instance_id": "id-1",
            "region": "GRA11",
            "flavor": "b2-30",
            "role": "agent",
            "pool": "worker",
            "is_first_server": False,
            "vrack": {"address": "10.0.0.21", "mac": "fa:16:3e:01:00:01"},
            "volume": {"id": "vol-1", "size_gb": 200},
        },
        "connection_options": {
            "fleet_ssh": {
                "extras": {
                    "private_key": str(KEY),
                    "known_hosts": "known_hosts",
                    "host_key_alias": "koprogo-worker-1",
                }
            },
            "netmiko": {
                "platform": "linux",
                "extras": {
                    "use_keys": True,
                    "key_file": str(KEY),
                    "ssh_strict": True,
                    "alt_host_keys": True,
                    "alt_key_file": "known_hosts",
                },
            },
        },
    }


def test_certificate_and_jump_host() -> None:
    """What fleet.yaml says of certificates and of the way to the nodes is in every host's extras, and nothing more."""
    jump = {"address": "203.0.113.7", "host": "bastion", "user": "us"}
    fleet = Fleet.model_validate({**FLEET.model_dump(), "ssh": {"user": "admin", "certificates": {}, "jump": jump}})
    certificate = Path("/state/koprogo/id_ed25519-cert.pub")
    for host in documents(fleet, OBSERVED, KEY, certificate).hosts.values():
        extras = host["connection_options"]["fleet_ssh"]["extras"]

        assert str(certificate) == extras["certificate"]
        assert {"host": "bastion", "address": "203.0.113.7", "port": 22, "user": "us"} == extras["jump"]
        login = login_of(host["hostname"], host["username"], None, host["port"], extras)
        assert login.jump is not None
        assert ("bastion", "us", certificate) == (login.jump.host, login.jump.user, login.jump.certificate)


def test_a_jump_host_without_a_name_or_user() -> None:
    """It is known by its address, and its user is the nodes'."""
    fleet = Fleet.model_validate({**FLEET.model_dump(), "ssh": {"jump": {"address": "203.0.113.7", "port": 2222}}})
    host = documents(fleet, OBSERVED, KEY).hosts["koprogo-cp-1"]

    assert {"host": "203.0.113.7", "address": "203.0.113.7", "port": 2222} == (
        host["connection_options"]["fleet_ssh"]["extras"]["jump"]
    )


def test_where_the_certificate_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It lies in the fleet's private directory, by the key's name, as ssh names it; without the words there is none."""
    monkeypatch.setenv("KOPROGO_STATE_DIR", str(tmp_path))
    ssh = {"private_key": "/home/us/.ssh/work", "certificates": {}}
    fleet = Fleet.model_validate({**FLEET.model_dump(), "ssh": ssh})

    assert tmp_path / "koprogo" / "work-cert.pub" == certificate_of(fleet)
    assert certificate_of(FLEET) is None


def test_the_files_do_not_depend_on_the_order_of_the_answer() -> None:
    """Whatever order the API lists things in, the files are the same, in fleet.yaml's order."""
    turned = replace(OBSERVED, instances=OBSERVED.instances[::-1], volumes=OBSERVED.volumes[::-1])
    files = documents(FLEET, OBSERVED, KEY).files()

    assert files == documents(FLEET, turned, KEY).files()
    assert list(documents(FLEET, turned, KEY).hosts) == [node.name for node in NODES]
    assert list(files) == ["hosts.yaml", "groups.yaml", "defaults.yaml"]
    assert all(text.startswith("# Written by koprogo-fleet inventory sync") for text in files.values())


def test_every_group_of_a_host_exists() -> None:
    """Roles and pools are the groups; the defaults name the fleet."""
    found = documents(FLEET, OBSERVED, KEY)

    assert set(found.groups) == {"server", "agent", "cp", "worker"}
    assert found.defaults == {"data": {"fleet": "koprogo"}}


def test_a_key_in_the_home_directory_is_written_for_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A path below the home directory is written with ~, so that a team shares one file."""
    monkeypatch.setenv("HOME", "/home/someone")
    host = documents(FLEET, OBSERVED, Path("/home/someone/.local/state/key")).hosts["koprogo-cp-1"]

    assert host["connection_options"]["netmiko"]["extras"]["key_file"] == "~/.local/state/key"


@pytest.mark.parametrize(
    ("observed", "reason"),
    [
        (replace(OBSERVED, instances=OBSERVED.instances[:2]), "there is no such instance"),
        (
            replace(
                OBSERVED,
                instances=(*OBSERVED.instances[:2], replace(OBSERVED.instances[2], status="BUILD", addresses=())),
            ),
            "the instance has no public address (status BUILD)",
        ),
        (
            replace(OBSERVED, interfaces={**OBSERVED.interfaces, "id-2": _nic(1)}),
            "the instance has no interface with the vRack address 10.0.0.22",
        ),
    ],
)
def test_what_is_not_ready_is_left_out_with_its_reason(observed: Observed, reason: str) -> None:
    """A node that cannot be worked on yet is not in the inventory, and the caller is told why."""
    found = documents(FLEET, observed, KEY)

    assert found.left_out == (("koprogo-worker-2", reason),)
    assert list(found.hosts) == ["koprogo-cp-1", "koprogo-worker-1"]


def test_two_instances_of_one_name_are_refused() -> None:
    """Nobody guesses which of two machines is the node."""
    twin = replace(OBSERVED.instances[0], id="id-twin")

    with pytest.raises(InputError, match="2 instances are named koprogo-cp-1: id-0, id-twin"):
        documents(FLEET, replace(OBSERVED, instances=(*OBSERVED.instances, twin)), KEY)


def test_two_nodes_with_one_address_are_refused() -> None:
    """A reused public address in an inconsistent answer never sends one node's tasks to another."""
    wrong = replace(OBSERVED.instances[2], addresses=OBSERVED.instances[1].addresses)

    with pytest.raises(InputError, match=r"198\.18\.0\.11 \(koprogo-worker-1, koprogo-worker-2\)"):
        documents(FLEET, replace(OBSERVED, instances=(*OBSERVED.instances[:2], wrong)), KEY)


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (("other", "koprogo-worker-1"), "vol-koprogo-worker-1"),
        (("other",), "vol-other"),
        (("b", "a"), None),
        ((), None),
    ],
)
def test_the_disk_for_longhorn_is_never_guessed(names: tuple[str, ...], chosen: str | None) -> None:
    """Of the attached volumes it is the one that bears the node's name, or the only one; formatting is no game."""
    volumes = tuple(_volume(name, "id-1", f"vol-{name}") for name in names)
    host = documents(FLEET, replace(OBSERVED, volumes=volumes), KEY).hosts["koprogo-worker-1"]

    assert (host["data"]["volume"] or {}).get("id") == chosen


def test_a_known_mac_serves_only_the_same_instance_and_address() -> None:
    """The MAC of the last inventory is believed for the same instance, not for one that replaced it."""
    port = VrackPort("id-1", NODES[1].vrack_address, "fa:16:3e:99:00:00")
    observed = replace(OBSERVED, known_ports=(port,))

    assert observed.mac_of(NODES[1], OBSERVED.instances[1]) == "fa:16:3e:99:00:00"
    assert observed.mac_of(NODES[1], replace(OBSERVED.instances[1], id="id-2")) is None
    assert observed.mac_of(NODES[2], OBSERVED.instances[2]) == "fa:16:3e:01:00:02"


def test_the_macs_of_an_inventory_are_read_back() -> None:
    """What was written is found again; an entry that somebody spoiled is not used."""
    hosts = documents(FLEET, OBSERVED, KEY).hosts
    spoiled: dict[str, Any] = {
        "a": {},
        "b": {"data": None},
        "c": {"data": {"instance_id": "x", "vrack": {"address": "?", "mac": ""}}},
    }

    assert [port.mac[-2:] for port in known_ports({**hosts, **spoiled})] == ["00", "01", "02"]


@pytest.mark.parametrize(
    ("before", "now", "seen"),
    [
        (4, 2, "2 of 4 hosts are gone: n2, n3"),
        (2, 1, "1 of 2 hosts are gone: n1"),
        (4, 0, "the OVH API shows no node of this fleet"),
        (0, 0, "the OVH API shows no node of this fleet"),
    ],
)
def test_losing_half_of_the_hosts_is_refused(before: int, now: int, seen: str) -> None:
    """An inventory never shrinks by half, or to nothing, without somebody saying so."""
    hosts = {f"n{index}": {"hostname": "x"} for index in range(before)}
    found = Documents(dict(list(hosts.items())[:now]), {}, {}, (("n9", "there is no such instance"),))

    with pytest.raises(InputError) as caught:
        refuse_losses(hosts, found)

    assert caught.value.seen.splitlines() == [seen, "  n9: there is no such instance"]
    assert "--force" in str(caught.value.next_step)


@pytest.mark.parametrize(("before", "now"), [(6, 4), (3, 2), (0, 1), (2, 2)])
def test_small_losses_and_growth_pass(before: int, now: int) -> None:
    """A node less, or more, is everyday life."""
    hosts = {f"n{index}": {"hostname": "x"} for index in range(6)}
    refuse_losses(dict(list(hosts.items())[:before]), Documents(dict(list(hosts.items())[:now]), {}, {}))


METAL = Fleet.model_validate(
    {
        **FLEET.model_dump(mode="json"),
        "dedicated_servers": [
            {"name": "koprogo-metal-1", "service": "ns1.example.eu", "role": "agent", "vrack_address": "10.0.0.31"}
        ],
    }
)
SERVER = DedicatedServer("ns1.example.eu", IPv4Address("198.51.100.7"), "gra2", "eu", "ok", "poweron", "debian", 1000)
SIDE = VrackSide("uuid", ("0c:42:a1:00:00:02",), "pn-1")


def test_dedicated_server() -> None:
    """An owned server is a host like any other: its role, its public and vRack addresses, the NIC's MAC, the VLAN."""
    observed = replace(OBSERVED, servers={SERVER.name: (SERVER, SIDE)})

    found = documents(METAL, observed, KEY)

    host = found.hosts["koprogo-metal-1"]
    assert ("198.51.100.7", ["agent", "dedicated"]) == (host["hostname"], host["groups"])
    assert {"address": "10.0.0.31", "mac": SIDE.macs[0], "vlan": 42} == host["data"]["vrack"]
    assert "koprogo-metal-1" == host["connection_options"]["fleet_ssh"]["extras"]["host_key_alias"]
    assert "dedicated" in found.groups
    assert "dedicated" not in documents(FLEET, OBSERVED, KEY).groups


@pytest.mark.parametrize(
    ("servers", "reason"),
    [
        ({}, "the account has no dedicated server ns1.example.eu"),
        ({SERVER.name: (SERVER, None)}, "the server ns1.example.eu has no private network interface"),
    ],
)
def test_dedicated_server_that_cannot_be_in_it(servers: dict[str, Any], reason: str) -> None:
    """A server that is not there, or has no private NIC, is left out, and the reason is told."""
    found = documents(METAL, replace(OBSERVED, servers=servers), KEY)

    assert (("koprogo-metal-1", reason),) == found.left_out
